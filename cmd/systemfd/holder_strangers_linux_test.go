package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux, which has threads of another user.

// as is testkit.As for root, and for nobody else.
func as(t *testing.T, uid int, f func() error) error {
	t.Helper()
	if os.Geteuid() != 0 {
		testkit.Lacks(t, "a second user, only for root,")
	}
	return testkit.As(uid, f)
}

// TestAnotherUser opens everything up for another user: still the holder does not talk to it.
func TestAnotherUser(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	environ := p.MustKeep(owner, "-s", "127.0.0.1:0")
	control := testkit.Variable(t, environ, "SYSTEMFD_HOLDER")
	for _, path := range []string{p.Runtime, filepath.Dir(control), control} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if answer, err := askAs(t, 65534, control); err != nil || len(answer) > 0 {
		t.Errorf("another user is answered %q, %v", answer, err)
	}
	if answer, err := askAs(t, 0, control); err != nil || !bytes.Contains(answer, []byte(`"Error":""`)) {
		t.Errorf("we are answered %q, %v", answer, err)
	}
	os.Chmod(filepath.Dir(control), 0o700)
	end()
	p.AwaitNothing()
}

// askAs makes a request as a user. It uses nothing that could run on another thread.
func askAs(t *testing.T, uid int, control string) (answer []byte, err error) {
	t.Helper()
	err = as(t, uid, func() error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		patience := unix.NsecToTimeval(testkit.Patience.Nanoseconds())
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience)
		if err := testkit.Retry(func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: control}) }); err != nil {
			return err
		}
		unix.Write(fd, []byte(status))
		buf, n := make([]byte, 1<<16), 0
		err = testkit.Retry(func() (err error) { n, err = unix.Read(fd, buf); return err })
		answer = buf[:max(n, 0)]
		if errors.Is(err, unix.ECONNRESET) {
			err = nil
		}
		return err
	})
	return answer, err
}

// TestAnotherUsersHolder puts a control socket of another user's into our directory: no client talks to it.
func TestAnotherUsersHolder(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	dir := filepath.Join(p.Runtime, "systemfd")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	control := filepath.Join(dir, "x.sock")
	listenAs(t, 65534, control)
	got := p.With(append(told(p, control), "LISTEN_FDS=1"), "--", "probe")
	want := fmt.Sprintf("error: the holder at %q is another user's (uid 65534)\n", control)
	if got.Status != 125 || got.Out != "" || !strings.HasPrefix(got.Err, want) {
		t.Errorf("status %d, %s%s", got.Status, got.Out, got.Err)
	}
}

// listenAs has a user listen at a path that we bind.
func listenAs(t *testing.T, uid int, path string) {
	t.Helper()
	var fd int
	err := as(t, 0, func() (err error) {
		if fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err == nil {
			err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(fd)
		os.Remove(path)
	})
	if err := as(t, uid, func() error { return unix.Listen(fd, 8) }); err != nil { // SO_PEERCRED is who called listen(2)
		t.Fatal(err)
	}
}
