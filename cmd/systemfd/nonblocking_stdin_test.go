//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// With a standard input in O_NONBLOCK the Go runtime opens its epoll before main, at a descriptor that a socket needs.
func TestNonblockingStdin(t *testing.T) {
	t.Parallel()
	many := 400
	if runtime.GOOS != "linux" { // for more than the placeholders it has to start again, which takes a macOS kqueue nowhere
		many = 60
	}
	for i := range 200 {
		args := []string{"-q", "-s", "0", "-s", "udp::0"}
		if i%2 == 0 { // a start of many takes long enough for the runtime to look
			args = append(args, slices.Repeat([]string{"-s", "udp::0"}, many)...)
		}
		if i%4 == 1 { // and with sockets there when it starts
			args = append(args, "--", "systemfd", "-q")
		}
		args = append(args, "--", "probe")
		stdin, done := nonblocking(t)
		got := testkit.HandOff(t, func(cmd *exec.Cmd) { cmd.Stdin = stdin }, args...)
		done()
		testkit.Says(t, got.Out, "fd 3 socket type=1 .*", "fd 4 socket type=2 .*", fmt.Sprintf("env LISTEN_PID=%d", got.PID))
		if got.Status != 0 || got.Err != "" {
			t.Fatalf("start %d: exit %d: %s", i, got.Status, got.Err)
		}
	}
}

// nonblocking returns the read end of a pipe in O_NONBLOCK, as a standard input. Done closes it.
func nonblocking(t *testing.T) (stdin *os.File, done func()) {
	t.Helper()
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		t.Fatal(err)
	}
	unix.CloseOnExec(ends[0])
	unix.CloseOnExec(ends[1])
	if err := unix.SetNonblock(ends[0], true); err != nil {
		t.Fatal(err)
	}
	read, write := os.NewFile(uintptr(ends[0]), "stdin"), os.NewFile(uintptr(ends[1]), "")
	return read, func() {
		read.Close()
		write.Close()
	}
}

// TestNonblockingStdinExecs counts: the poller is above the sockets from the first start on, unless there are more sockets than
// placeholders.
func TestNonblockingStdinExecs(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "strace")
	for sockets, want := range map[int]int{1: 2, 64: 2, 65: 3, 200: 3} {
		trace := filepath.Join(t.TempDir(), "trace")
		cmd := exec.Command("strace", "-f", "-o", trace, "-e", "trace=execve", "systemfd", "-q")
		cmd.Args = slices.Concat(cmd.Args, slices.Repeat([]string{"-s", "0"}, sockets), []string{"--", "true"})
		stdin, done := nonblocking(t)
		cmd.Stdin = stdin
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		done()
		text, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		// Only the end counts: strace(1) may tell twice that one begins, if it is not the first thread that calls it.
		if got := len(regexp.MustCompile(`(?m)execve.*\)\s+= 0$`).FindAll(text, -1)); got != want {
			t.Errorf("with %d sockets it execs %d times, want %d:\n%s", sockets, got, want, text)
		}
	}
}

// TestNonblockingStdinLimits leaves the runtime the descriptors that it needs, however few there are.
func TestNonblockingStdinLimits(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "sh")
	for limit := 6; limit <= 75; limit++ {
		cmd := exec.Command("sh", "-c", fmt.Sprintf("ulimit -n %d; exec systemfd -q -s 0 -- true", limit))
		stdin, done := nonblocking(t)
		cmd.Stdin = stdin
		out, err := cmd.CombinedOutput()
		done()
		short := regexp.MustCompile(`\Aerror: .*too many open files\nhint: raise the limit of open files: ulimit -n\n\z`)
		if status := cmd.ProcessState.ExitCode(); (err != nil || len(out) > 0) && (status != 125 || !short.Match(out)) {
			t.Errorf("with %d descriptors: exit %d, %s", limit, status, out)
		}
	}
}
