//go:build unix

package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestLazy: nothing starts before the first client; then that one is answered, by a server that takes two seconds.
func TestLazy(t *testing.T) {
	t.Parallel()
	abstract := "@" + t.TempDir()
	for spec, network := range map[string]string{
		"tcp::0":              "tcp",
		"udp::0":              "udp",
		"unix::./s":           "unix",
		"unix-dgram::./s":     "unixgram",
		"unix-seqpacket::./s": "unixpacket",
		abstract:              "unix",
	} {
		t.Run(spec, func(t *testing.T) {
			t.Parallel()
			if spec == abstract {
				testkit.LinuxOnly(t, "abstract unix sockets")
			}
			if network == "unixpacket" && !testkit.HasSeqPacket {
				t.Skip("macOS has no unix seqpacket sockets")
			}
			checkLazy(t, spec, network)
		})
	}
}

func checkLazy(t *testing.T, spec, network string) {
	t.Helper()
	p := testkit.NewProject(t)
	l := p.Launch("systemfd", "--lazy", "-s", spec, "--info-file", "info", "--", "sh", "-c", "touch started; sleep 2; exec probe serve")
	address := p.Opened()
	testkit.Says(t, l.Read("err"), "~> socket .* -> fd #3")
	if args := testkit.Arguments(l.Process.Pid); !strings.HasPrefix(args, "systemfd ") {
		t.Errorf("it is %q before the first client", args)
	}
	p.IsGone("started")
	got, err := testkit.Exchange(testkit.DialAny(t, network, address), "hello")
	if want := fmt.Sprintf("%d hello", l.Process.Pid); err != nil || got != want {
		t.Errorf("the first client gets %q, %v; want %q", got, err, want)
	}
}

// TestLazySecondSocket: traffic on any socket starts the command, with --append also on an inherited one.
func TestLazySecondSocket(t *testing.T) {
	t.Parallel()
	for _, argv := range [][]string{
		{"systemfd", "-q", "--lazy", "-s", "./quiet", "-s", "./s", "--info-file", "info", "--", "probe"},
		{"systemfd", "-q", "-s", "./s", "--", "systemfd", "-q", "--lazy", "--append", "-s", "./quiet", "--info-file", "info", "--", "probe"},
		{"systemfd", "-q", "-s", "./s", "--info-file", "info", "--", "systemfd", "-q", "--lazy", "--", "probe"},
	} {
		p := testkit.NewProject(t)
		l := p.Launch(argv...)
		p.Opened()
		testkit.DialAny(t, "unix", p.Path("s"))
		if end := l.AwaitEnd(); end != "0" {
			t.Errorf("%q: %s", argv, end)
		}
		testkit.Says(t, l.Read("out"), fmt.Sprintf("env LISTEN_PID=%d", l.Process.Pid))
	}
}

// TestLazyWithoutSockets has nothing to wait for.
func TestLazyWithoutSockets(t *testing.T) {
	t.Parallel()
	got := testkit.HandOff(t, nil, "--lazy", "--", "echo", "ran")
	if got.Status != 0 || got.Out != "ran\n" {
		t.Errorf("%+v", got)
	}
}

// TestLazySignals: a signal before the first client ends it as it ends any program, and nothing stays.
func TestLazySignals(t *testing.T) {
	t.Parallel()
	for s, want := range map[syscall.Signal]string{
		syscall.SIGINT: "interrupt", syscall.SIGTERM: "terminated", syscall.SIGHUP: "hangup",
		syscall.SIGQUIT: "131", // as a shell says it, without the Go runtime's stack trace
	} {
		for _, flags := range []string{"--lazy", "--lazy --hold", "--accept", "--accept --hold"} {
			t.Run(s.String()+" "+flags, func(t *testing.T) {
				t.Parallel()
				checkLazySignal(t, s, want, strings.Fields(flags))
			})
		}
	}
}

func checkLazySignal(t *testing.T, s syscall.Signal, want string, flags []string) {
	t.Helper()
	p := testkit.NewProject(t)
	p.Write("app.socket", "[Socket]\nListenStream=/no/such/directory/s\nListenStream=/no/such/other\n")
	l := p.Launch(slices.Concat([]string{"systemfd", "--info-file", "info"}, flags, []string{
		"-u", "app.socket", "--map", "/no/such/directory/s=./made/for/s", "--map", "/no/such/other=./made/t", "--", "touch", "ran",
	})...)
	p.Opened()
	l.Send(s)
	if got := l.AwaitEnd(); got != want {
		t.Errorf("it ends of %s, want %s", got, want)
	}
	p.IsGone("made", "info", "ran")
	testkit.SaysNot(t, l.Read("err"), "goroutine.*", "error:.*", "warning:.*")
	p.AwaitNothing()
}

// TestLazyIgnoredSignal: SIGINT that was ignored stays so, while waiting and for the command.
func TestLazyIgnoredSignal(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	l := p.Launch("sh", "-c", `trap "" INT HUP; exec systemfd -q --lazy -s ./s --info-file info -- sh -c 'kill -INT $$; kill -HUP $$; echo alive'`)
	p.Opened()
	l.Send(syscall.SIGINT)
	l.Send(syscall.SIGHUP)
	if runtime.GOOS == "linux" { // elsewhere nobody says which signals are pending
		testkit.Await(t, "the signals to be ignored", func() bool {
			return procNumber(t, fmt.Sprintf("/proc/%d/status", l.Process.Pid), "ShdPnd", 16) == 0
		})
	}
	testkit.DialAny(t, "unix", p.Path("s"))
	if end := l.AwaitEnd(); end != "0" {
		t.Errorf("it ends of %s", end)
	}
	if out := l.Read("out"); out != "alive\n" {
		t.Errorf("the command, which sends them to itself, says %q", out)
	}
}

// TestLazyHold: the holder has the sockets from the start, and the server below a launcher that closes them gets them.
func TestLazyHold(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "bash")
	p := testkit.NewProject(t)
	l := p.Launch("systemfd", "-q", "--lazy", "--hold", "-s", "tcp::0", "--info-file", "info", "--",
		"bash", "-c", "exec 3>&-; systemfd -q -- probe serve")
	address := p.Opened()
	held := awaitHeld(p, 1)
	if held[0].Address != address || !strings.HasPrefix(testkit.Arguments(l.Process.Pid), "systemfd ") {
		t.Errorf("%+v is held, want %s", held, address)
	}
	if got, err := testkit.GetLine(address); err != nil || !strings.HasSuffix(got, " hello") {
		t.Errorf("the first client gets %q, %v", got, err)
	}
}

// TestLazyCPU: waiting costs nothing.
func TestLazyCPU(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	l := p.Launch("systemfd", "-q", "--lazy", "-s", "tcp::0", "-s", "udp::0", "--info-file", "info", "--", "true")
	p.Opened()
	if used := testkit.CPUTime(t, l.Process.Pid, 500*time.Millisecond); used > 50*time.Millisecond {
		t.Errorf("it uses %v of CPU time in 500 ms", used)
	}
}
