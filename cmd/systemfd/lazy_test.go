//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// launched is a systemfd that stays: --lazy, or --accept.
type launched struct {
	*exec.Cmd
	dir   string
	ended chan struct{}
}

// launch runs a command in dir, its output in dir/out and dir/err, and kills what it left when the test ends.
func launch(t *testing.T, dir string, argv ...string) *launched {
	t.Helper()
	l := &launched{exec.Command(argv[0], argv[1:]...), dir, make(chan struct{})}
	l.Dir = dir
	l.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
	l.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output := func(name string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	out, stderr := output("out"), output("err")
	defer out.Close()
	defer stderr.Close()
	l.Stdout, l.Stderr = out, stderr
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		l.Wait()
		close(l.ended)
	}()
	t.Cleanup(func() {
		syscall.Kill(-l.Process.Pid, syscall.SIGKILL)
		testkit.Await(t, "the processes below "+argv[0]+" to end", func() bool { return killIn(dir) == 0 })
		<-l.ended
		if t.Failed() {
			t.Logf("%q printed\n%s%s", argv, l.read(t, "out"), l.read(t, "err"))
		}
	})
	return l
}

func (l *launched) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// send sends a signal only to systemfd.
func (l *launched) send(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := l.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// awaitEnd waits until systemfd ends, and returns of which signal, or its exit status.
func (l *launched) awaitEnd(t *testing.T) string {
	t.Helper()
	select {
	case <-l.ended:
	case <-time.After(patience):
		t.Fatalf("process %d does not end", l.Process.Pid)
	}
	status := l.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return status.Signal().String()
	}
	return strconv.Itoa(status.ExitStatus())
}

// isGone fails the test if something is at a path in dir.
func (l *launched) isGone(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(l.dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there: %v", name, err)
		}
	}
}

func commandName(pid int) string {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(name))
}

// dialAny connects to an address of --info-file; a datagram socket gets a name of its own, to be answered at.
func dialAny(t *testing.T, network, address string) net.Conn {
	t.Helper()
	dialer := net.Dialer{Timeout: patience}
	if network == "unixgram" {
		dialer.LocalAddr = &net.UnixAddr{Name: filepath.Join(testkit.Directory(t), "client"), Net: network}
	}
	c, err := dialer.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

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
			dir := testkit.Directory(t)
			l := launch(t, dir, "systemfd", "--lazy", "-s", test.spec, "--info-file", "info", "--", "sh", "-c", "touch started; sleep 2; exec probe serve")
			address := opened(t, dir)
			says(t, l.read(t, "err"), "~> socket .* -> fd #3")
			if name := commandName(l.Process.Pid); name != "systemfd" {
				t.Errorf("it is %q before the first client", name)
			}
			l.isGone(t, "started")
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
		dir := testkit.Directory(t)
		l := launch(t, dir, argv...)
		opened(t, dir)
		dialAny(t, "unix", filepath.Join(dir, "s"))
		if end := l.awaitEnd(t); end != "0" {
			t.Errorf("%q: %s", argv, end)
		}
		says(t, l.read(t, "out"), fmt.Sprintf("env LISTEN_PID=%d", l.Process.Pid))
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
				dir := testkit.Directory(t)
				write(t, dir, "app.socket", "[Socket]\nListenStream=/no/such/folder/s\nListenStream=/no/such/other\n")
				argv := append([]string{"systemfd", "-u", "app.socket", "--map", "/no/such/folder/s=./made/for/s", "--map", "/no/such/other=./made/t", "--info-file", "info"}, strings.Fields(flags)...)
				l := launch(t, dir, append(argv, "--", "touch", "ran")...)
				opened(t, dir)
				l.send(t, s)
				if got := l.awaitEnd(t); got != want {
					t.Errorf("it ends of %s, want %s", got, want)
				}
				l.isGone(t, "made", "info", "ran")
				saysNot(t, l.read(t, "err"), "goroutine.*", "error:.*", "warning:.*")
				testkit.Await(t, "the holder to end", func() bool {
					left, err := filepath.Glob(filepath.Join(dir, "systemfd", "*.sock"))
					return err == nil && len(left) == 0
				})
			})
		}
	}
}

// TestLazyIgnoredSignal: SIGINT that was ignored stays so, while waiting and for the command.
func TestLazyIgnoredSignal(t *testing.T) {
	t.Parallel()
	dir := testkit.Directory(t)
	l := launch(t, dir, "sh", "-c", `trap "" INT HUP; exec systemfd -q --lazy -s ./s --info-file info -- sh -c 'grep SigIgn /proc/self/status'`)
	opened(t, dir)
	l.send(t, syscall.SIGINT)
	l.send(t, syscall.SIGHUP)
	testkit.Await(t, "the signals to be ignored", func() bool {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.Process.Pid))
		return regexp.MustCompile(`(?m)^ShdPnd:\s+0+$`).Match(status)
	})
	dialAny(t, "unix", filepath.Join(dir, "s"))
	if end := l.awaitEnd(t); end != "0" {
		t.Errorf("it ends of %s", end)
	}
	hex := strings.TrimSpace(strings.TrimPrefix(l.read(t, "out"), "SigIgn:"))
	if ignored, err := strconv.ParseUint(hex, 16, 64); err != nil || ignored&3 != 3 {
		t.Errorf("the command ignores %q, %v; want signals 1 and 2 among them", hex, err)
	}
}

// TestLazyHold: the holder has the sockets from the start, and the server below a launcher that closes them gets them.
func TestLazyHold(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "bash")
	h := newHome(t)
	l := launch(t, h.dir, "systemfd", "-q", "--lazy", "--hold", "-s", "tcp::0", "--info-file", "info", "--", "bash", "-c", "exec 3>&-; systemfd -q -- probe serve")
	address := opened(t, h.dir)
	held := await(t, "the holder", func() ([]held, bool) {
		held := h.status(t)
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
	dir := testkit.Directory(t)
	l := launch(t, dir, "systemfd", "-q", "--lazy", "-s", "tcp::0", "-s", "udp::0", "--info-file", "info", "--", "true")
	opened(t, dir)
	if used := cpuTime(t, l.Process.Pid, 500*time.Millisecond); used > 50*time.Millisecond {
		t.Errorf("it uses %v of CPU time in 500 ms", used)
	}
}

// cpuTime is what a process uses in an interval.
func cpuTime(t *testing.T, pid int, interval time.Duration) time.Duration {
	t.Helper()
	used := func() time.Duration {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))
		user, userErr := strconv.Atoi(fields[11])
		system, systemErr := strconv.Atoi(fields[12])
		if err := errors.Join(userErr, systemErr); err != nil {
			t.Fatal(err)
		}
		return time.Duration(user+system) * 10 * time.Millisecond // a clock tick, which Linux has at 100 a second everywhere
	}
	before := used()
	time.Sleep(interval) // what is measured
	return used() - before
}
