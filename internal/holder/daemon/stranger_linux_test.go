package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux: it has threads of another user and pid namespaces.

// needRoot skips what only root can try.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
}

// TestAnotherUser opens everything up for another user: still the holder does not talk to it.
func TestAnotherUser(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := serving(t)
	claimed(t, s.path, os.Getpid(), "0")
	for _, path := range []string{filepath.Dir(filepath.Dir(s.path)), filepath.Dir(s.path), s.path} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for uid, isAnswered := range map[int]bool{65534: false, 0: true} {
		var fd int
		if err := testkit.As(uid, func() (err error) { fd, err = dial(s.path); return err }); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		answer := string(exchange(fd, lineOf(ours(wire.Request{Op: wire.Status}))))
		if got := strings.HasPrefix(answer, `{"Protocol":2,"Error":""`); got != isAnswered || answer != "" != isAnswered {
			t.Errorf("user %d is told %q", uid, answer)
		}
	}
}

// inNamespace has a command be process 1 of a pid namespace of its own. It ends with the test.
func inNamespace(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	needRoot(t)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if err := cmd.Start(); errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		t.Skipf("there can be no pid namespace: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { testkit.End(cmd) })
}

const refusal = "it is in another pid namespace than the holder"

// TestClientInNamespace: the process IDs that it knows are not the holder's.
func TestClientInNamespace(t *testing.T) {
	t.Parallel()
	s := serving(t)
	claimed(t, s.path, os.Getpid(), "0")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), askVariable+"="+s.path)
	var output strings.Builder
	cmd.Stdout = &output
	inNamespace(t, cmd)
	cmd.Wait()
	if want := fmt.Sprintf("process 1 is process %d here: %s", cmd.Process.Pid, refusal); !strings.Contains(output.String(), want) {
		t.Errorf("it is told %q, not %q", output.String(), want)
	}
}

// TestHolderInNamespace: it cannot tell who we are, and our process IDs are not its own.
func TestHolderInNamespace(t *testing.T) {
	t.Parallel()
	opened := control(t)
	listener := os.NewFile(uintptr(opened.FD), "")
	defer listener.Close()
	cmd := exec.Command(os.Args[0], Command, detached, opened.Path, "/")
	cmd.ExtraFiles = []*os.File{listener}
	inNamespace(t, cmd)
	for _, pid := range []int{os.Getpid(), 1} {
		c := connect(t, opened.Path)
		c.send(nil, wire.Request{Protocol: wire.Protocol, Op: wire.Release, Client: pid})
		if h := c.header(); !strings.Contains(h.Error, refusal) {
			t.Errorf("process %d is told %+v", pid, h)
		}
	}
}
