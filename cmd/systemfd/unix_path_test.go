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

// A path is in use if anybody has it bound, listening or not, whatever the type; nobody there notices.
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
			dir := t.TempDir()
			path := filepath.Join(dir, "a.sock")
			server, err := bind(path)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			got := testkit.HandOff(t, func(cmd *exec.Cmd) { cmd.Dir = dir }, "-s", "./a.sock", "--", "true")
			if got.Status != 125 || got.Out != "" {
				t.Errorf("exit %d, stdout %q", got.Status, got.Out)
			}
			testkit.Says(t, got.Err, "error: "+path+" is in use.*", "hint: stop it, or take another path")
			if stat, err := os.Lstat(path); err != nil || stat.Mode().Type() != fs.ModeSocket {
				t.Errorf("at the path is %v, %v", stat, err)
			}
			if l, ok := server.(*net.UnixListener); ok {
				l.SetDeadline(time.Now())
				if conn, err := l.Accept(); err == nil {
					conn.Close()
					t.Error("the server got a connection")
				}
			}
		})
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

// Of many that find the same dead socket, one gets it.
func TestOneTakesTheDeadSocket(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "cat", "true")
	folder := t.TempDir()
	in := func(cmd *exec.Cmd) { cmd.Dir = folder }
	for range 5 {
		testkit.HandOff(t, in, "-q", "-s", "./app.sock", "--", "true")
		hold, release, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan testkit.Outcome)
		const rivals = 6
		for range rivals {
			go func() {
				ended <- testkit.HandOff(t, func(cmd *exec.Cmd) { cmd.Dir, cmd.Stdin = folder, hold }, "-q", "-s", "./app.sock", "--", "cat")
			}()
		}
		for range rivals - 1 {
			got := <-ended
			if got.Status != 125 || !strings.Contains(got.Err, "app.sock is in use") {
				t.Errorf("a second one gets it: exit %d, %s", got.Status, got.Err)
			}
		}
		if _, err := os.Lstat(filepath.Join(folder, "app.sock")); err != nil {
			t.Error(err)
		}
		release.Close()
		hold.Close()
		if got := <-ended; got.Status != 0 {
			t.Errorf("nobody gets it: exit %d, %s", got.Status, got.Err)
		}
	}
}
