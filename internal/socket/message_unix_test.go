//go:build unix

package socket

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// ends returns the two ends of a connection.
func ends(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { CloseAll(fds[:]) })
	return fds[0], fds[1]
}

// TestMessages sends text with descriptors, and gets copies of these, with FD_CLOEXEC.
func TestMessages(t *testing.T) {
	t.Parallel()
	us, them := ends(t)
	most := make([]int, MaxRights)
	for i := range most {
		most[i] = pipe(t)
	}
	for _, fds := range [][]int{nil, most[:1], most} {
		checkMessage(t, them, us, fds)
	}
	unix.Shutdown(them, unix.SHUT_RDWR)
	if n, fds, err := Receive(us, make([]byte, 1)); n != 0 || fds != nil || err != nil {
		t.Errorf("at the end: %d, %v, %v", n, fds, err)
	}
	if _, err := Send(us, []byte("hello"), nil); !errors.Is(err, unix.EPIPE) {
		t.Errorf("to nobody: %v", err)
	}
}

// checkMessage sends text with fds from one end of a connection to the other.
func checkMessage(t *testing.T, from, to int, fds []int) {
	t.Helper()
	if n, err := Send(from, []byte("hello"), fds); n != 5 || err != nil {
		t.Fatalf("%d bytes sent, %v", n, err)
	}
	buf := make([]byte, 64)
	n, got, err := Receive(to, buf)
	defer CloseAll(got)
	if err != nil || string(buf[:n]) != "hello" || len(got) != len(fds) {
		t.Fatalf("got %q with %d descriptors, %v", buf[:n], len(got), err)
	}
	for i, fd := range got {
		if testkit.Inode(t, fd) != testkit.Inode(t, fds[i]) || fd == fds[i] {
			t.Errorf("descriptor %d is another file", i)
		}
		if flags := fcntl(t, fd, unix.F_GETFD); flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d goes through exec", i)
		}
	}
}

func TestParseRights(t *testing.T) {
	t.Parallel()
	if fds, err := parseRights(nil); fds != nil || err != nil {
		t.Errorf("nothing: got %v, %v", fds, err)
	}
	if fds, err := parseRights([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}); len(fds) > 0 || err == nil {
		t.Errorf("garbage: got %v, %v", fds, err)
	}
}
