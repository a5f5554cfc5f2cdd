//go:build unix

package daemon

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

func TestMainRefuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"/x"}, {"/x", "/", "owner"}, {detached}, {detached, "/x"}, {"/x", "/", detached}} {
		if got := Main(args); got != 2 {
			t.Errorf("%q: got %d", args, got)
		}
	}
}

// TestMainWithoutSocket: somebody types the hidden command. Nothing is at descriptor 3, or something else than a control socket.
func TestMainWithoutSocket(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	path := testkit.Directory(t) + "/x.sock"
	for name, files := range map[string][]*os.File{"nothing": nil, "a device": {null}} {
		cmd := exec.Command(os.Args[0], Command, detached, path, "/")
		cmd.ExtraFiles = files
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStartIsDetached: a holder is nobody's child, leads a session of its own, and has of ours its control socket, and
// nothing that leaked into us. It is not parallel: the pipe would leak into what other tests start, too.
func TestStartIsDetached(t *testing.T) {
	var leaks [2]int
	if err := unix.Pipe(leaks[:]); err != nil { // without FD_CLOEXEC
		t.Fatal(err)
	}
	defer unix.Close(leaks[0])
	pid, path := keeping(t)
	unix.Close(leaks[1])
	if parent := process.Parent(pid); parent == os.Getpid() {
		t.Error("it is our child")
	}
	if session, err := unix.Getsid(pid); err != nil || session != pid {
		t.Errorf("its session is %d, %v", session, err)
	}
	testkit.Await(t, "the other end of the pipe to be closed", func() bool {
		fds := []unix.PollFd{{Fd: int32(leaks[0]), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 0)
		return err == nil && n == 1 && fds[0].Revents&unix.POLLHUP != 0
	})
	stops(t, pid, path)
}

func TestStartIsKilled(t *testing.T) {
	t.Parallel()
	opened := control(t)
	defer opened.Close()
	if err := Start(opened.FD, opened.Path, killed); err == nil || err.Error() != "cannot start a holder: systemfd holder was ended by SIGKILL" {
		t.Errorf("got %v", err)
	}
}
