//go:build !bsd

package socket

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestIsElsewhere: the file system of a path is found though the path is gone, and its directory with it.
func TestIsElsewhere(t *testing.T) {
	t.Parallel()
	path := testkit.Directory(t) + "/sub/a"
	o := options
	o.MakeDirectories = true
	d, err := diagnoseFD(open(t, path, o).FD)
	if err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		if isElsewhere(path, d.file) {
			t.Errorf("device %#x is not that of %s", d.file.Device, path)
		}
		if !isElsewhere(path, File{d.file.Device + 1, d.file.Inode}) {
			t.Errorf("device %#x is that of %s", d.file.Device+1, path)
		}
	}
	check()
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	check()
}

// TestWaiting counts the connections that nobody has accepted.
func TestWaiting(t *testing.T) {
	t.Parallel()
	path := testkit.Directory(t)
	for _, test := range []struct{ text, network string }{
		{"tcp::0", "tcp"}, {"unix::" + path + "/stream", "unix"}, {"unix-seqpacket::" + path + "/packet", "unixpacket"}, {"@" + path, "unix"},
	} {
		s := open(t, test.text, options)
		for waiting := range 3 {
			if got := Waiting(s.FD); got != waiting {
				t.Errorf("%s: %d, want %d", test.text, got, waiting)
			}
			c, err := net.Dial(test.network, s.Address())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		fd, _, err := unix.Accept(s.FD)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if got := Waiting(s.FD); got != 2 {
			t.Errorf("%s: %d after one was accepted, want 2", test.text, got)
		}
	}
	for _, text := range []string{"udp::0", "unix-dgram::" + path + "/datagram"} {
		if got := Waiting(open(t, text, options).FD); got != -1 {
			t.Errorf("%s: %d, want -1", text, got)
		}
	}
}
