//go:build unix

package takeover

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

func TestVerified(t *testing.T) {
	t.Parallel()
	tcp, udp, path := bind(t, "web=http::0"), bind(t, "udp::0"), bind(t, testkit.Directory(t)+"/a,b c")
	first := pass(t, tcp.FD, udp.FD, path.FD)
	set := parseSet(t, first, 3, "LISTEN_FDNAMES=x:y:z", describe(tcp, udp, path))
	sockets := take(t, set, false)
	for i, want := range []struct{ name, text string }{
		{"x", "x=http::" + tcp.Address()},
		{"y", "y=udp::" + udp.Address()},
		{"z", "z=unix::" + path.Path},
	} {
		s := sockets[i]
		if s.FD != first+i || s.Name != want.name || s.Opening.Spec.String() != want.text {
			t.Errorf("socket %d is %d, %q, %v; want %d, %q, %s", i, s.FD, s.Name, s.Spec, first+i, want.name, want.text)
		}
	}
}

// TestRelativePath: the kernel knows the path as it was bound, the description has the absolute one.
func TestRelativePath(t *testing.T) {
	dir := testkit.Directory(t)
	t.Chdir(dir)
	for _, bound := range []string{"a.sock", "./b.sock"} {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: bound}); err != nil {
			t.Fatal(err)
		}
		if err := unix.Listen(fd, 1); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(bound, "./")
		first := pass(t, fd)
		s := take(t, parseSet(t, first, 1, "SYSTEMFD_SOCKETS=unix::/long/"+name), false)
		if want := "/long/" + name; s[0].Path != want {
			t.Errorf("%s is at %q, want %q", bound, s[0].Path, want)
		}
		take(t, parseSet(t, first, 1, "SYSTEMFD_SOCKETS=unix::/long/x"+name), true)
	}
}

// TestStale: sockets fit to be passed, but not the ones described. They are passed as what they are.
func TestStale(t *testing.T) {
	t.Parallel()
	tcp, udp := bind(t, "http::0"), bind(t, "udp::0")
	first := pass(t, tcp.FD, udp.FD)
	for name, description := range map[string]string{
		"another address": "SYSTEMFD_SOCKETS=http::127.0.0.1:1,udp::" + udp.Address(),
		"another type":    "SYSTEMFD_SOCKETS=udp::" + tcp.Address() + ",tcp::" + udp.Address(),
		"another order":   describe(udp, tcp),
		"too few":         describe(tcp),
		"too many":        describe(tcp, udp, udp),
		"malformed":       describe(tcp) + ",udp::",
		"unknown type":    describe(tcp) + ",frob::1",
	} {
		sockets := take(t, parseSet(t, first, 2, description, "LISTEN_FDNAMES=a:b"), true)
		got := sockets[0].Name + " " + sockets[1].Name
		if got != "a b" || !sockets[0].Spec.SameSocket(tcp.Spec) || !sockets[1].Spec.SameSocket(udp.Spec) {
			t.Errorf("%s: %+v", name, sockets)
		}
	}
}

// An unfitTest has what a program in between leaves in the place of a socket.
type unfitTest struct {
	fd          int // behind a good socket; -1 is closed
	description []string
	want        InheritError // a part of Is
	error       string
	hint        string
}

func unfitTests(t *testing.T, good socket.Socket) map[string]unfitTest {
	t.Helper()
	const closes, replaces = "a program in between closes", "a program in between puts"
	const connected = "a unix stream socket, connected"
	both, one := []string{describe(good, good)}, []string{describe(good)}
	text := good.Display()
	closed := InheritError{Want: text, Is: "closed", Closed: true}
	undescribed := InheritError{Is: "closed", Closed: true}
	return map[string]unfitTest{
		"closed":                 {-1, both, closed, "should be " + text + ", but is closed", closes},
		"closed, not described":  {-1, nil, undescribed, "of LISTEN_FDS is closed", closes},
		"closed, ill described":  {-1, one, undescribed, "of LISTEN_FDS is closed", closes},
		"a pipe":                 {pipe(t), both, InheritError{Want: text, Is: "pipe"}, "should be " + text + ", but is ", replaces},
		"a pipe, ill described":  {pipe(t), one, InheritError{Is: "pipe"}, "of LISTEN_FDS is ", replaces},
		"a file":                 {file(t), both, InheritError{Want: text, Is: "file"}, "should be " + text + ", but is ", replaces},
		"a pair":                 {pair(t), both, InheritError{Want: text, Is: connected}, "but is " + connected, replaces},
		"names do not excuse it": {-1, append(both, "LISTEN_FDNAMES=a:b"), closed, "but is closed", closes},
	}
}

func TestUnfit(t *testing.T) {
	t.Parallel()
	good := bind(t, "http::0")
	for name, test := range unfitTests(t, good) {
		test.check(t, name, good)
	}
}

func (test unfitTest) check(t *testing.T, name string, good socket.Socket) {
	t.Helper()
	fds := []int{good.FD}
	if test.fd >= 0 {
		fds = append(fds, test.fd)
	}
	first := pass(t, fds...)
	sockets, stale, err := Inherit(parseSet(t, first, 2, test.description...))
	var unfit *InheritError
	if !errors.As(err, &unfit) || sockets != nil || stale {
		t.Errorf("%s: %v, stale %v, %v; want only an *InheritError", name, sockets, stale, err)
		return
	}
	if unfit.FD != first+1 || unfit.Want != test.want.Want || !strings.Contains(unfit.Is, test.want.Is) || unfit.Closed != test.want.Closed {
		t.Errorf("%s: %+v, want %+v at %d", name, *unfit, test.want, first+1)
	}
	if head := "descriptor " + strconv.Itoa(first+1) + " "; !strings.HasPrefix(err.Error(), head) || !strings.Contains(err.Error(), test.error) {
		t.Errorf("%s: %v; want %s%s", name, err, head, test.error)
	}
	if !strings.HasPrefix(unfit.Hint(), test.hint) {
		t.Errorf("%s: hint %q, want %q", name, unfit.Hint(), test.hint)
	}
}

// TestNotDescribed: without SYSTEMFD_SOCKETS whatever is open is passed, as systemd passes fifos and files too.
func TestNotDescribed(t *testing.T) {
	t.Parallel()
	tcp := bind(t, "http::0")
	first := pass(t, tcp.FD, pipe(t))
	sockets := take(t, parseSet(t, first, 2), false)
	if s := sockets[0]; s.Name != listenfds.Unknown || s.Opening.Spec.String() != "unknown=tcp::"+tcp.Address() {
		t.Errorf("the socket is %q, %v", s.Name, s.Opening.Spec)
	}
	if s := sockets[1]; s.FD != first+1 || s.Name != listenfds.Unknown || s.Spec.Type != "" {
		t.Errorf("the pipe is %d, %q, %v", s.FD, s.Name, s.Opening.Spec)
	}
}

func TestNone(t *testing.T) {
	t.Parallel()
	set, err := listenfds.Parse(func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	take(t, set, false)
	take(t, listenfds.Set{First: 3, Sockets: "tcp::3000", Holder: "/h"}, false) // held, not passed
}

func TestNames(t *testing.T) {
	t.Parallel()
	tcp, udp := bind(t, "web=http::0"), bind(t, "udp::0")
	first := pass(t, tcp.FD, udp.FD)
	tests := map[string]struct {
		environ []string
		names   [2]string
	}{
		"as given":               {[]string{describe(tcp, udp), "LISTEN_FDNAMES=a:b.c"}, [2]string{"a", "b.c"}},
		"not valid in a spec":    {[]string{describe(tcp, udp), "LISTEN_FDNAMES=a b:ä=/"}, [2]string{"a b", "ä=/"}},
		"empty":                  {[]string{describe(tcp, udp), "LISTEN_FDNAMES=:"}, [2]string{}},
		"given, not described":   {[]string{"LISTEN_FDNAMES=a:b"}, [2]string{"a", "b"}},
		"of the description":     {[]string{describe(tcp, udp)}, [2]string{"web", "udp"}},
		"too many":               {[]string{describe(tcp, udp), "LISTEN_FDNAMES=a:b:c"}, [2]string{"web", "udp"}},
		"none":                   {nil, [2]string{"unknown", "unknown"}},
		"too few, not described": {[]string{"LISTEN_FDNAMES=a"}, [2]string{"unknown", "unknown"}},
	}
	for name, test := range tests {
		for i, s := range take(t, parseSet(t, first, 2, test.environ...), false) {
			if s.Name != test.names[i] || s.Opening.Name != test.names[i] {
				t.Errorf("%s: socket %d is %q, %v; want %q", name, i, s.Name, s.Opening, test.names[i])
			}
		}
	}
}

func TestOneWithoutName(t *testing.T) {
	t.Parallel()
	first := pass(t, bind(t, "web=http::0").FD)
	if s := take(t, parseSet(t, first, 1), false); s[0].Name != listenfds.Unknown {
		t.Errorf("one socket without a name is %q", s[0].Name)
	}
}

// take is Inherit without an error.
func take(t *testing.T, set listenfds.Set, wantStale bool) []socket.Socket {
	t.Helper()
	sockets, stale, err := Inherit(set)
	if err != nil || stale != wantStale || len(sockets) != set.Count {
		t.Fatalf("Inherit(%+v) = %v, stale %v, %v; want %d, stale %v", set, sockets, stale, err, set.Count, wantStale)
	}
	return sockets
}

// parseSet returns the set of count descriptors from first on that environ, a list of NAME=VALUE, describes.
func parseSet(t *testing.T, first, count int, environ ...string) listenfds.Set {
	t.Helper()
	environ = append(environ, "LISTEN_FDS="+strconv.Itoa(count), "LISTEN_FDS_FIRST_FD="+strconv.Itoa(first))
	set, err := listenfds.Parse(func(name string) (string, bool) {
		for _, variable := range environ {
			if value, ok := strings.CutPrefix(variable, name+"="); ok {
				return value, true
			}
		}
		return "", false
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// describe returns SYSTEMFD_SOCKETS as the command of an outer systemfd has it.
func describe(sockets ...socket.Socket) string {
	return listenfds.Sockets + "=" + Describe(sockets).Sockets
}

// bind opens text and closes it after the test.
func bind(t *testing.T, text string) socket.Socket {
	t.Helper()
	parsed, err := spec.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := socket.Open(spec.Opening{Spec: parsed, Options: spec.Options{Backlog: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// nextRange is where pass looks next: each test has numbers of its own, above what anything else opens.
var nextRange atomic.Int32

// pass puts copies of fds at numbers in a row, without FD_CLOEXEC, as they come through exec; the number
// behind the last is closed. It returns the first.
func pass(t *testing.T, fds ...int) int {
	t.Helper()
	first := 200 + 16*int(nextRange.Add(1))
	for i, fd := range fds {
		got, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, first+i)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(got) })
		if got != first+i {
			t.Fatalf("descriptor %d is taken", first+i)
		}
	}
	return first
}

func pipe(t *testing.T) int {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return int(r.Fd())
}

func file(t *testing.T) int {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "file")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return int(f.Fd())
}

func pair(t *testing.T) int {
	t.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(ends[0]); unix.Close(ends[1]) })
	return ends[0]
}
