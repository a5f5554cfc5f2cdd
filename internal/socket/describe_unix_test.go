//go:build unix

package socket

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

type describeTest struct {
	make        func(t *testing.T) int
	open, ready bool
	spec        spec.Type // "" if the Spec is zero
	text        string    // a part of it
}

var describeTests = map[string]describeTest{
	"never opened": {func(t *testing.T) int { return 1 << 20 }, false, false, "", "closed"},
	"FD_CLOEXEC":   {func(t *testing.T) int { return open(t, "tcp::0", options).FD }, false, false, "", "closed"},
	"pipe":         {pipe, true, false, "", "pipe"},
	"file":         {regularFile, true, false, "", "a file"},

	"tcp listener": {func(t *testing.T) int { return pass(t, open(t, "http::0", options).FD) }, true, true, "tcp", " (tcp listener)"},
	"tcp, neither": {
		func(t *testing.T) int { return raw4(t, unix.SOCK_STREAM) },
		true, false, "", "an inet stream socket, neither listening nor connected",
	},
	"tcp, connected": {func(t *testing.T) int { return connected4(t, unix.SOCK_STREAM) }, true, false, "", "an inet stream socket, connected"},

	"udp": {func(t *testing.T) int { return pass(t, open(t, "udp::0", options).FD) }, true, true, "udp", " (udp)"},
	"udp, unbound": {
		func(t *testing.T) int { return rawSocket(t, unix.AF_INET, unix.SOCK_DGRAM, nil) },
		true, false, "", "an inet datagram socket, neither",
	},
	"udp, connected": {func(t *testing.T) int { return connected4(t, unix.SOCK_DGRAM) }, true, false, "", "an inet datagram socket, connected"},

	"unix listener": {
		func(t *testing.T) int { return pass(t, open(t, testkit.Directory(t)+"/a", options).FD) },
		true, true, "unix", " (unix listener)",
	},
	"unix, only bound": {
		func(t *testing.T) int { return onlyBound(t, testkit.Directory(t)+"/a.sock") },
		true, false, "", "a unix stream socket, neither listening nor connected",
	},
	"unix, a pair": {func(t *testing.T) int { return pair(t, unix.SOCK_STREAM) }, true, false, "", "a unix stream socket, connected"},
	"unix datagram": {
		func(t *testing.T) int { return rawUnix(t, unix.SOCK_DGRAM, testkit.Directory(t)+"/a.sock") },
		true, true, "unix-dgram", "unix datagram",
	},
	"unix datagram, loose": {
		func(t *testing.T) int { return rawSocket(t, unix.AF_UNIX, unix.SOCK_DGRAM, nil) },
		true, false, "", "a unix datagram socket, neither",
	},
	"unix datagram, pair": {func(t *testing.T) int { return pair(t, unix.SOCK_DGRAM) }, true, false, "", "a unix datagram socket, connected"},
	"unix seqpacket": {
		func(t *testing.T) int { return rawListener(t, unix.SOCK_SEQPACKET, testkit.Directory(t)+"/a.sock") },
		true, true, "unix-seqpacket", "unix seqpacket",
	},
}

// TestDescribe looks at descriptors as exec passes them: without FD_CLOEXEC.
func TestDescribe(t *testing.T) {
	for name, test := range describeTests {
		t.Run(name, test.check)
	}
}

func (test describeTest) check(t *testing.T) {
	d := DescribeInherited(test.make(t))
	if d.Open != test.open || d.Ready != test.ready {
		t.Errorf("open %v, ready %v; want %v, %v", d.Open, d.Ready, test.open, test.ready)
	}
	if d.Spec.Type != test.spec {
		t.Errorf("it is %#v, want %q", d.Spec, test.spec)
	}
	if !strings.Contains(d.Text, test.text) {
		t.Errorf("it is %q, want %q in it", d.Text, test.text)
	}
}

func TestDescribeFlags(t *testing.T) {
	s, u := open(t, "tcp::0", options), open(t, "udp::0", options)
	if d := DescribeInherited(s.FD); !d.CloseOnExec || d.Open {
		t.Errorf("with FD_CLOEXEC: %+v", d)
	}
	if d := Describe(s.FD); !d.CloseOnExec || !d.Open || !d.Listening {
		t.Errorf("with FD_CLOEXEC, not through exec: %+v", d)
	}
	fd := pass(t, s.FD)
	if d := DescribeInherited(fd); d.CloseOnExec || d.Nonblock || !d.Listening {
		t.Errorf("a listener: %+v", d)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	if d := Describe(fd); !d.Nonblock || !d.Ready {
		t.Errorf("with O_NONBLOCK: %+v", d)
	}
	if d := Describe(pass(t, u.FD)); d.Listening || !d.Ready {
		t.Errorf("a datagram socket: %+v", d)
	}
	if d := Describe(1 << 20); d != (Description{Text: "closed"}) {
		t.Errorf("closed: %+v", d)
	}
}

// TestDescribeAddress: what Open says is what Describe finds, up to how it is called.
func TestDescribeAddress(t *testing.T) {
	for _, text := range []string{"tcp::0", "https::0", "udp::0", "0.0.0.0:0", "[::1]:0", ":0", "udp:::0", testkit.Directory(t) + "/a b"} {
		t.Run(text, func(t *testing.T) {
			needIPv6For(t, text)
			s := open(t, text, options)
			d := Describe(pass(t, s.FD))
			if !d.Spec.SameSocket(s.Opening.Spec) || d.Text != d.Spec.Display() {
				t.Errorf("%v is found as %v, %q", s.Opening.Spec, d.Spec, d.Text)
			}
		})
	}
}

// TestDescribeMapped: an IPv6 socket on a mapped address takes only IPv4; its specification is the IPv4 address.
func TestDescribeMapped(t *testing.T) {
	needIPv6(t)
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	mapped := [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet6{Addr: mapped}); err != nil {
		t.Skipf("this system binds no mapped address: %v", err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		t.Fatal(err)
	}
	s := Describe(fd).Spec
	if again := parse(t, s.String()); again != s || s.Addr.Addr() != loopback4 {
		t.Errorf("it is %v, read as %v", s, again)
	}
}

// TestIs compares descriptors with what is said of them.
func TestIs(t *testing.T) {
	dir := testkit.Directory(t)
	tcp, udp, path := open(t, "web=http::0", options), open(t, "udp::0", options), open(t, dir+"/a.sock", options)
	for _, test := range []struct {
		fd   int
		want string
		is   bool
	}{
		{tcp.FD, tcp.Opening.String(), true},
		{tcp.FD, "other=tcp::" + tcp.Address(), true},
		{tcp.FD, "udp::" + tcp.Address(), false},
		{tcp.FD, "tcp::1", false},
		{udp.FD, udp.Opening.String(), true},
		{path.FD, dir + "/a.sock", true},
		{path.FD, "unix-seqpacket::" + dir + "/a.sock", false},
		{path.FD, dir + "/sub/a.sock", false},
		{pipe(t), dir + "/a.sock", false},
		{raw4(t, unix.SOCK_STREAM), "tcp::0", false},
		{1 << 20, "tcp::0", false},
	} {
		checkIs(t, test.fd, test.want, test.is)
	}
}

// TestIsRelative: the kernel does not know where a socket with a relative path is.
func TestIsRelative(t *testing.T) {
	t.Chdir(testkit.Directory(t))
	fd := rawListener(t, unix.SOCK_STREAM, "./b.sock")
	checkIs(t, fd, "/anywhere/b.sock", true)
	checkIs(t, fd, "/anywhere/bb.sock", false)
}

// checkIs fails unless fd is the socket that text says, or is not.
func checkIs(t *testing.T, fd int, text string, want bool) {
	t.Helper()
	if d := Describe(fd); d.Is(parse(t, text)) != want {
		t.Errorf("%q is %q: want %v", d.Text, text, want)
	}
}

func TestFileKind(t *testing.T) {
	t.Parallel()
	for mode, want := range map[uint32]string{
		unix.S_IFREG | 0o644: "a file",
		unix.S_IFDIR | 0o755: "a directory",
		unix.S_IFLNK:         "a symbolic link",
		unix.S_IFIFO:         "a pipe",
		unix.S_IFCHR:         "a device",
		unix.S_IFBLK:         "a device",
		0:                    "something else",
	} {
		if got := fileKind(mode); got != want {
			t.Errorf("fileKind(%o) = %q, want %q", mode, got, want)
		}
	}
}

// pass returns a copy of fd without FD_CLOEXEC.
func pass(t *testing.T, fd int) int {
	t.Helper()
	dup, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(dup) })
	return dup
}

func regularFile(t *testing.T) int {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "a file")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return pass(t, int(f.Fd()))
}

// onlyBound is a unix socket that does not listen. macOS does not tell.
func onlyBound(t *testing.T, path string) int {
	t.Helper()
	fd := rawUnix(t, unix.SOCK_STREAM, path)
	if _, err := kernel.getsockopt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil {
		t.Skip(err)
	}
	return fd
}

func pipe(t *testing.T) int {
	t.Helper()
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(ends[0]); unix.Close(ends[1]) })
	return ends[0]
}

func pair(t *testing.T, sotype int) int {
	t.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, sotype, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(ends[0]); unix.Close(ends[1]) })
	return ends[0]
}

// connected4 returns a bound socket that has a peer.
func connected4(t *testing.T, sotype int) int {
	t.Helper()
	text := "tcp::0"
	if sotype == unix.SOCK_DGRAM {
		text = "udp::0"
	}
	peer, err := unix.Getsockname(open(t, text, options).FD)
	if err != nil {
		t.Fatal(err)
	}
	fd := raw4(t, sotype)
	if err := unix.Connect(fd, peer); err != nil {
		t.Fatal(err)
	}
	return fd
}
