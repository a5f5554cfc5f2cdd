// Package testkit is what the tests of several packages need.
package testkit

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long anything may take that is to happen.
const Patience = 20 * time.Second

// Await calls isReady until it says yes.
func Await(t testing.TB, what string, isReady func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !isReady(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Retry makes a system call again if a signal interrupts it: the Go runtime sends itself signals, and those of a socket
// with a timeout are not made again by the kernel, signal(7).
func Retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// Umask keeps tests that run at the same time from changing the umask of one another, as bind(2) to a path does.
var Umask sync.Mutex

// Directory makes one with a short name, for unix sockets.
func Directory(t testing.TB) string {
	t.Helper()
	Umask.Lock()
	defer Umask.Unlock()
	dir, err := os.MkdirTemp("/tmp", "sfd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Sleeper is a process that does nothing. It ends when the test does, whatever becomes of that.
func Sleeper(t testing.TB) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("cat")
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { End(cmd) })
	return cmd
}

// End kills a process, and waits for its end.
func End(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}
