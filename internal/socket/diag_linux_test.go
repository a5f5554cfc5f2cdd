package socket

import (
	"net"
	"os"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestDiagnose: the kernel tells which file a socket has bound, even if another one is at its path, and how many clients wait.
func TestDiagnose(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"unix::", "unix-seqpacket::"} {
		if Check(parse(t, kind+"/a")) != nil {
			continue
		}
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
