package socket

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestDiagnose: the kernel says which file a socket has bound, whatever is at its path by now, and how many wait.
func TestDiagnose(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"unix::", "unix-seqpacket::"} {
		path := testkit.Directory(t) + "/a"
		s := open(t, kind+path, options)
		for range 2 {
			c, err := net.Dial(map[string]string{"unix::": "unix", "unix-seqpacket::": "unixpacket"}[kind], path)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		want := diagnosis{FileAt(path), 2}
		if want.file == (File{}) {
			t.Fatal("there is no file")
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if got, err := diagnoseFD(s.FD); got != want || err != nil {
			t.Errorf("%s: %+v, %v; want %+v", kind, got, err, want)
		}
	}
	abstract := open(t, "@"+testkit.Directory(t), options)
	if got, err := diagnoseFD(abstract.FD); got != (diagnosis{}) || err != nil {
		t.Errorf("an abstract one: %+v, %v", got, err)
	}
	tcp := open(t, "tcp::0", options)
	if got, err := diagnoseFD(tcp.FD); err == nil {
		t.Errorf("no unix socket: %+v", got)
	}
	if got, err := diagnoseFD(-1); err == nil {
		t.Errorf("no socket: %+v", got)
	}
}

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
