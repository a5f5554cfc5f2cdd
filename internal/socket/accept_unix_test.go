//go:build unix

package socket

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

type listenerTest struct {
	spec string
	o    spec.Options
	from netip.Addr // the zero Addr for a unix socket
}

// TestListener: connections come as the kernel gives them, and know from where.
func TestListener(t *testing.T) {
	t.Parallel()
	for _, test := range []listenerTest{
		{"tcp::0", options, loopback4},
		{"tcp::[::1]:0", options, loopback6},
		{":0", options, loopback4}, // a mapped address is an IPv4 one
		{"tcp::0", spec.Options{Backlog: 1, KeepAlive: true, NoDelay: true}, loopback4},
		{testkit.Directory(t) + "/a.sock", options, netip.Addr{}},
	} {
		t.Run(test.spec, test.check)
	}
}

func (test listenerTest) check(t *testing.T) {
	needIPv6For(t, test.spec)
	s := open(t, test.spec, test.o)
	l, err := NewListener(s, false)
	if err != nil {
		t.Fatal(err)
	}
	client := connectTo(t, s.Opening.Spec, test.from)
	conn, from, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fd := int(conn.Fd())
	checkPlain(t, fd)
	if test.from.IsValid() {
		checkFlag(t, fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, test.o.KeepAlive)
		checkFlag(t, fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, test.o.NoDelay)
	}
	if want := localAddr(t, client); from != want || from.Addr() != test.from {
		t.Errorf("from %s, want %s and %s", from, want, test.from)
	}
	checkClose(t, l)
}

// checkPlain fails unless a connection is in blocking mode, and no child gets it.
func checkPlain(t *testing.T, fd int) {
	t.Helper()
	if flags := fcntl(t, fd, unix.F_GETFL); flags&unix.O_NONBLOCK != 0 {
		t.Errorf("the connection has flags %#x", flags)
	}
	if flags := fcntl(t, fd, unix.F_GETFD); flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("the connection goes through exec: %#x", flags)
	}
}

func checkFlag(t *testing.T, fd, level, name int, want bool) {
	t.Helper()
	if got := sockopt(t, fd, level, name); (got != 0) != want {
		t.Errorf("option %d of level %d is %d, want %v", name, level, got, want)
	}
}

// checkClose fails unless Close ends Accept.
func checkClose(t *testing.T, l Listener) {
	t.Helper()
	ended := make(chan error)
	go func() {
		_, _, err := l.Accept()
		ended <- err
	}()
	l.Close()
	if err := <-ended; err == nil {
		t.Error("Accept works after Close")
	}
}

// localAddr returns the address of an inet socket, the zero AddrPort of another.
func localAddr(t *testing.T, fd int) netip.AddrPort {
	t.Helper()
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr, _ := addrPort(sa)
	return addr
}

// connectTo connects to s: at ip, or to its path if ip is the zero Addr.
func connectTo(t *testing.T, s spec.Spec, ip netip.Addr) int {
	t.Helper()
	var sa unix.Sockaddr = &unix.SockaddrUnix{Name: s.Path}
	family := unix.AF_UNIX
	if ip.IsValid() {
		var err error
		if sa, family, err = sockaddr(netip.AddrPortFrom(ip, s.Port())); err != nil {
			t.Fatal(err)
		}
	}
	fd := rawSocket(t, family, transports[s.Type.Transport()], nil)
	if err := unix.Connect(fd, sa); err != nil {
		t.Fatal(err)
	}
	return fd
}
