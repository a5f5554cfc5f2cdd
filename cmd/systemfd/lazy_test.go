//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestLazy: nothing starts before the first client; then that one is answered, by a server that takes two seconds.
func TestLazy(t *testing.T) {
	t.Parallel()
	tests := []struct{ spec, network string }{
		{"tcp::0", "tcp"},
		{"udp::0", "udp"},
		{"unix::./s", "unix"},
		{"unix-dgram::./s", "unixgram"},
		{"unix-seqpacket::./s", "unixpacket"},
		{"@" + t.TempDir(), "unix"},
	}
	for _, test := range tests {
		t.Run(test.spec, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			l := p.launch("systemfd", "--lazy", "-s", test.spec, "--info-file", "info", "--", "sh", "-c", "touch started; sleep 2; exec probe serve")
			address := p.opened()
			says(t, l.read("err"), "~> socket .* -> fd #3")
			if name := commandName(l.Process.Pid); name != "systemfd" {
				t.Errorf("it is %q before the first client", name)
			}
			p.isGone("started")
			got, err := exchange(dialAny(t, test.network, address), "hello")
			if want := fmt.Sprintf("%d hello", l.Process.Pid); err != nil || got != want {
				t.Errorf("the first client gets %q, %v; want %q", got, err, want)
			}
		})
	}
}

// TestLazySecondSocket: traffic on any socket starts the command, and --append waits on the inherited ones too.
func TestLazySecondSocket(t *testing.T) {
	t.Parallel()
	for _, argv := range [][]string{
		{"systemfd", "-q", "--lazy", "-s", "./quiet", "-s", "./s", "--info-file", "info", "--", "probe"},
		{"systemfd", "-q", "-s", "./s", "--", "systemfd", "-q", "--lazy", "--append", "-s", "./quiet", "--info-file", "info", "--", "probe"},
		{"systemfd", "-q", "-s", "./s", "--info-file", "info", "--", "systemfd", "-q", "--lazy", "--", "probe"},
	} {
		p := newProject(t)
		l := p.launch(argv...)
		p.opened()
		dialAny(t, "unix", p.path("s"))
		if end := l.awaitEnd(); end != "0" {
			t.Errorf("%q: %s", argv, end)
		}
		says(t, l.read("out"), fmt.Sprintf("env LISTEN_PID=%d", l.Process.Pid))
	}
}

// TestLazyWithoutSockets has nothing to wait for.
func TestLazyWithoutSockets(t *testing.T) {
	t.Parallel()
	got := handOff(t, nil, "--lazy", "--", "echo", "ran")
	if got.status != 0 || got.out != "ran\n" {
		t.Errorf("%+v", got)
	}
}

// TestLazySignals: a signal before the first client ends it as it ends any program, and nothing stays.
func TestLazySignals(t *testing.T) {
	t.Parallel()
	ends := map[syscall.Signal]string{
		syscall.SIGINT: "interrupt", syscall.SIGTERM: "terminated", syscall.SIGHUP: "hangup",
		syscall.SIGQUIT: "131", // as a shell says it, without the Go runtime's stack trace
	}
	for s, want := range ends {
		for _, flags := range []string{"--lazy", "--lazy --hold", "--accept", "--accept --hold"} {
			t.Run(s.String()+" "+flags, func(t *testing.T) {
				t.Parallel()
				p := newProject(t)
				p.write("app.socket", "[Socket]\nListenStream=/no/such/folder/s\nListenStream=/no/such/other\n")
				argv := append([]string{"systemfd", "-u", "app.socket", "--map", "/no/such/folder/s=./made/for/s", "--map", "/no/such/other=./made/t", "--info-file", "info"}, strings.Fields(flags)...)
				l := p.launch(append(argv, "--", "touch", "ran")...)
				p.opened()
				l.send(s)
				if got := l.awaitEnd(); got != want {
					t.Errorf("it ends of %s, want %s", got, want)
				}
				p.isGone("made", "info", "ran")
				saysNot(t, l.read("err"), "goroutine.*", "error:.*", "warning:.*")
				testkit.Await(t, "the holder to end", func() bool {
					left, err := filepath.Glob(filepath.Join(p.dir, "systemfd", "*.sock"))
					return err == nil && len(left) == 0
				})
			})
		}
	}
}

// TestLazyIgnoredSignal: SIGINT that was ignored stays so, while waiting and for the command.
func TestLazyIgnoredSignal(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	l := p.launch("sh", "-c", `trap "" INT HUP; exec systemfd -q --lazy -s ./s --info-file info -- sh -c 'grep SigIgn /proc/self/status'`)
	p.opened()
	l.send(syscall.SIGINT)
	l.send(syscall.SIGHUP)
	testkit.Await(t, "the signals to be ignored", func() bool {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.Process.Pid))
		return regexp.MustCompile(`(?m)^ShdPnd:\s+0+$`).Match(status)
	})
	dialAny(t, "unix", p.path("s"))
	if end := l.awaitEnd(); end != "0" {
		t.Errorf("it ends of %s", end)
	}
	hex := strings.TrimSpace(strings.TrimPrefix(l.read("out"), "SigIgn:"))
	if ignored, err := strconv.ParseUint(hex, 16, 64); err != nil || ignored&3 != 3 {
		t.Errorf("the command ignores %q, %v; want signals 1 and 2 among them", hex, err)
	}
}

// TestLazyHold: the holder has the sockets from the start, and the server below a launcher that closes them gets them.
func TestLazyHold(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "bash")
	p := newProject(t)
	l := p.launch("systemfd", "-q", "--lazy", "--hold", "-s", "tcp::0", "--info-file", "info", "--", "bash", "-c", "exec 3>&-; systemfd -q -- probe serve")
	address := p.opened()
	held := await(t, "the holder", func() ([]held, bool) {
		held := p.held()
		return held, len(held) == 1
	})
	if held[0].Address != address || commandName(l.Process.Pid) != "systemfd" {
		t.Errorf("%+v is held, want %s", held, address)
	}
	if got, err := getLine(address); err != nil || !strings.HasSuffix(got, " hello") {
		t.Errorf("the first client gets %q, %v", got, err)
	}
}

// TestLazyCPU: waiting costs nothing.
func TestLazyCPU(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	l := p.launch("systemfd", "-q", "--lazy", "-s", "tcp::0", "-s", "udp::0", "--info-file", "info", "--", "true")
	p.opened()
	if used := cpuTime(t, l.Process.Pid, 500*time.Millisecond); used > 50*time.Millisecond {
		t.Errorf("it uses %v of CPU time in 500 ms", used)
	}
}

