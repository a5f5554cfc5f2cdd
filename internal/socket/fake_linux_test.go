//go:build bsd

package socket

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

var fakeTests = map[string]struct {
	try  func(t *testing.T) error
	want error
}{
	"a seqpacket socket": {func(*testing.T) error {
		_, err := newSocket(unix.AF_UNIX, unix.SOCK_SEQPACKET)
		return err
	}, unix.EPROTONOSUPPORT},
	"a path of 104 bytes": {func(t *testing.T) error {
		return kernel.bind(rawSocket(t, unix.AF_UNIX, unix.SOCK_STREAM, nil), &unix.SockaddrUnix{Name: strings.Repeat("p", 104)})
	}, unix.EINVAL},
	"a full queue": {func(t *testing.T) (err error) {
		s := open(t, testkit.Directory(t)+"/a", spec.Options{Backlog: 1})
		for fd := 0; err == nil; {
			if fd, err = Dial(s.Path); err == nil {
				t.Cleanup(func() { unix.Close(fd) })
			}
		}
		return err
	}, unix.ECONNREFUSED},
	"SO_ACCEPTCONN": {func(t *testing.T) error {
		_, err := kernel.getsockopt(open(t, "0", options).FD, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		return err
	}, unix.ENOPROTOOPT},
	"128 descriptors": {func(t *testing.T) error {
		_, them := ends(t)
		_, err := kernel.sendmsg(them, []byte("a"), unix.UnixRights(make([]int, 128)...), nil, 0)
		return err
	}, unix.E2BIG},
	"no room for a descriptor": {func(t *testing.T) error {
		us, them := ends(t)
		if _, err := Send(them, []byte("a"), []int{us, them}); err != nil {
			t.Fatal(err)
		}
		defer limitDescriptors(t)()
		_, _, _, _, err := kernel.recvmsg(us, make([]byte, 1), make([]byte, 100), 0)
		return err
	}, unix.EMSGSIZE},
}

// TestFake: Linux answers as other kernels do.
func TestFake(t *testing.T) {
	for name, test := range fakeTests {
		if err := test.try(t); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// limitDescriptors leaves room for one more.
func limitDescriptors(t *testing.T) (undo func()) {
	t.Helper()
	var before unix.Rlimit
	free, err := unix.Dup(0)
	if err = errors.Join(err, unix.Close(free), unix.Getrlimit(unix.RLIMIT_NOFILE, &before)); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(free + 1), Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	return func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &before) }
}
