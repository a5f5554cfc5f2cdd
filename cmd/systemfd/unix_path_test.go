//go:build unix

package main

import (
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// A path is in use if anybody has it bound, listening or not, and of any type. That process does not notice the check.
func TestPathInUse(t *testing.T) {
	t.Parallel()
	for name, bind := range map[string]func(path string) (io.Closer, error){
		"listening":     func(path string) (io.Closer, error) { return net.Listen("unix", path) },
		"not listening": func(path string) (io.Closer, error) { return bindOnly(path) },
		"datagram": func(path string) (io.Closer, error) {
			return net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "a.sock")
			server, err := bind(path)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			checkPathInUse(t, path)
			if l, ok := server.(*net.UnixListener); ok {
				checkNobodyCame(t, l)
			}
		})
	}
}

func checkPathInUse(t *testing.T, path string) {
	t.Helper()
	got := testkit.HandOff(t, func(cmd *exec.Cmd) { cmd.Dir = filepath.Dir(path) }, "-s", "./a.sock", "--", "true")
	if got.Status != 125 || got.Out != "" {
		t.Errorf("exit %d, stdout %q", got.Status, got.Out)
	}
	testkit.Says(t, got.Err, "error: "+path+" is in use.*", "hint: stop it, or take another path")
	if stat, err := os.Lstat(path); err != nil || stat.Mode().Type() != fs.ModeSocket {
		t.Errorf("at the path is %v, %v", stat, err)
	}
}

func checkNobodyCame(t *testing.T, l *net.UnixListener) {
	t.Helper()
	l.SetDeadline(time.Now())
	if conn, err := l.Accept(); err == nil {
		conn.Close()
		t.Error("the server got a connection")
	}
}

// bindOnly returns a stream socket that is bound, and does not listen.
func bindOnly(path string) (io.Closer, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), path), unix.Bind(fd, &unix.SockaddrUnix{Name: path})
}

// If many find the same dead socket, one of them gets the path.
func TestOneTakesTheDeadSocket(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "cat", "true")
	folder := t.TempDir()
	for range 5 {
		testkit.HandOff(t, func(cmd *exec.Cmd) { cmd.Dir = folder }, "-q", "-s", "./app.sock", "--", "true")
		ended, release := rivals(t, folder, 6)
		for range 5 {
			got := <-ended
			if got.Status != 125 || !strings.Contains(got.Err, "app.sock is in use") {
				t.Errorf("a second one gets it: exit %d, %s", got.Status, got.Err)
			}
		}
		if !testkit.Exists(filepath.Join(folder, "app.sock")) {
			t.Error("the socket of the one that gets it is gone")
		}
		release()
		if got := <-ended; got.Status != 0 {
			t.Errorf("nobody gets it: exit %d, %s", got.Status, got.Err)
		}
	}
}

// rivals open the same socket at the same time. The one that gets it keeps it until release.
func rivals(t *testing.T, folder string, number int) (ended <-chan testkit.Outcome, release func()) {
	t.Helper()
	stdin, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outcomes := make(chan testkit.Outcome)
	for range number {
		go func() {
			outcomes <- testkit.HandOff(t, func(cmd *exec.Cmd) { cmd.Dir, cmd.Stdin = folder, stdin }, "-q", "-s", "./app.sock", "--", "cat")
		}()
	}
	return outcomes, func() {
		end.Close()
		stdin.Close()
	}
}
