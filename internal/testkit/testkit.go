// Package testkit is what the tests of several packages need.
package testkit

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/spec"
)

// Patience is the longest time that an expected event may take.
const Patience = 30 * time.Second

// Await calls isReady until it says yes.
func Await(t testing.TB, what string, isReady func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !isReady(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Find is Await with a result.
func Find[T any](t testing.TB, what string, find func() (found T, isReady bool)) (found T) {
	t.Helper()
	Await(t, what, func() (isReady bool) {
		found, isReady = find()
		return isReady
	})
	return found
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

// Directory makes one with a short name, for unix sockets, and returns it without symbolic links: on macOS /tmp is one.
func Directory(t testing.TB) string {
	t.Helper()
	Umask.Lock()
	defer Umask.Unlock()
	dir, err := os.MkdirTemp("/tmp", "sfd-")
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Exists reports whether something is at path.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Hint returns the hint of an error, "" if it has none.
func Hint(err error) string {
	if e, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		return e.Hint()
	}
	return ""
}

// Openings parses specifications, with default options.
func Openings(t testing.TB, texts ...string) []spec.Opening {
	t.Helper()
	var all []spec.Opening
	for _, text := range texts {
		s, err := spec.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, spec.Opening{Spec: s, Options: spec.Defaults()})
	}
	return all
}

// Listens reports whether somebody listens; the connection that finds out asks for nothing.
func Listens(t testing.TB, o spec.Opening) bool {
	t.Helper()
	network := map[spec.Family]string{spec.Inet: "tcp", spec.Unix: "unix"}[o.Type.Family()]
	c, err := net.DialTimeout(network, o.Address(), Patience)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// AwaitClosed waits until nobody listens: a child that a test beside this one starts has all descriptors until it execs.
func AwaitClosed(t testing.TB, o spec.Opening) {
	t.Helper()
	Await(t, o.Address()+" to be closed", func() bool { return !Listens(t, o) })
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

// Owner is a Sleeper by its number, for which sockets can be kept, and what ends it.
func Owner(t testing.TB) (pid int, end func()) {
	t.Helper()
	cmd := Sleeper(t)
	return cmd.Process.Pid, func() { End(cmd) }
}

// End kills a process, and waits for its end.
func End(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}
