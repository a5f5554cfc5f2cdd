//go:build unix

package socket

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

type openTest struct {
	text, bound string // bound up to the port
	name        string
	stream      bool
}

func TestOpen(t *testing.T) {
	t.Parallel()
	dir := testkit.Directory(t)
	for _, test := range []openTest{
		{"tcp::0", "tcp=tcp::127.0.0.1:", "tcp", true},
		{"http::0", "http=http::127.0.0.1:", "http", true},
		{"web=https::0", "web=https::127.0.0.1:", "web", true},
		{"udp::0", "udp=udp::127.0.0.1:", "udp", false},
		{"127.0.0.1:0", "tcp=tcp::127.0.0.1:", "tcp", true},
		{"0.0.0.0:0", "tcp=tcp::0.0.0.0:", "tcp", true},
		{"http::localhost:0", "http=http::127.0.0.1:", "http", true},
		{"udp::localhost:0", "udp=udp::127.0.0.1:", "udp", false},
		{"unix::" + dir + "/a", "unix=unix::" + dir + "/a", "unix", true},
		{"app=" + dir + "/b c", "app=unix::" + dir + "/b c", "app", true},
	} {
		test.check(t)
	}
}

func (test openTest) check(t *testing.T) {
	s := open(t, test.text, options)
	if s.Name != test.name || !strings.HasPrefix(s.String(), test.bound) {
		t.Errorf("Open(%q) is %q, %v; want %q, %v", test.text, s.Name, s.Opening.Spec, test.name, test.bound)
	}
	if s.Type.Family() == spec.Inet && s.Addr.Port() == 0 {
		t.Errorf("Open(%q) does not say the port: %v", test.text, s.Opening.Spec)
	}
	if again := parse(t, s.String()); again != s.Opening.Spec {
		t.Errorf("the bound %v is read as %v", s.Opening.Spec, again)
	}
	if flags := fcntl(t, s.FD, unix.F_GETFD); flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("Open(%q) does not set FD_CLOEXEC", test.text)
	}
	if flags := fcntl(t, s.FD, unix.F_GETFL); flags&unix.O_NONBLOCK != 0 {
		t.Errorf("Open(%q) sets O_NONBLOCK", test.text)
	}
	if test.stream {
		connects(t, s, s.Address())
	} else {
		receives(t, s, s.Address())
	}
}

// TestCloseLeavesOthers: a path that is another file by now stays.
func TestCloseLeavesOthers(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(path string) error{
		"a file":     func(path string) error { return os.WriteFile(path, []byte("precious"), 0o600) },
		"a socket":   func(path string) error { deadSocket(t, path, unix.SOCK_STREAM); return nil },
		"a link":     func(path string) error { return os.Symlink("/nowhere", path) },
		"a listener": func(path string) error { open(t, path, options); return nil },
	} {
		path := testkit.Directory(t) + "/a"
		s, err := Open(opening(t, path, options))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Remove(path), replace(path)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	s, err := Open(opening(t, testkit.Directory(t)+"/a", options))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if _, err := os.Lstat(s.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Close leaves %s: %v", s.Path, err)
	}
}

// TestEveryAddress: [::] takes IPv4 and IPv6.
func TestEveryAddress(t *testing.T) {
	t.Parallel()
	needIPv6(t)
	for _, text := range []string{":0", "*:0", "http::[::]:0", "udp:::0", "udp::*:0"} {
		s := open(t, text, options)
		if s.Addr.Addr() != spec.Any {
			t.Errorf("Open(%q) is bound to %v", text, s.Opening.Spec)
		}
		if only := sockopt(t, s.FD, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY); only != 0 {
			t.Errorf("Open(%q) sets IPV6_V6ONLY", text)
		}
		for _, ip := range []netip.Addr{loopback4, loopback6} {
			address := netip.AddrPortFrom(ip, s.Addr.Port()).String()
			if s.Type == "udp" {
				receives(t, s, address)
			} else {
				connects(t, s, address)
			}
		}
	}
}

// TestOneFamily: 0.0.0.0 takes only IPv4, [::1] only IPv6.
func TestOneFamily(t *testing.T) {
	t.Parallel()
	needIPv6(t)
	s4 := open(t, "0.0.0.0:0", options)
	refuses(t, netip.AddrPortFrom(loopback6, s4.Addr.Port()).String())
	s6 := open(t, "[::1]:0", options)
	connects(t, s6, s6.Address())
	refuses(t, netip.AddrPortFrom(netip.MustParseAddr(testkit.FreeHost()), s6.Addr.Port()).String())
}

type socketOptionTest struct {
	text             string
	options          spec.Options
	reuse, reusePort bool
}

func TestSocketOptions(t *testing.T) {
	t.Parallel()
	dir := testkit.Directory(t)
	for _, test := range []socketOptionTest{
		{"tcp::0", spec.Options{}, true, false},
		{"http::0", spec.Options{}, true, false},
		{"udp::0", spec.Options{}, false, false},
		{dir + "/a", spec.Options{}, false, false},
		{"tcp::0", spec.Options{NoReuse: true}, false, false},
		{"udp::0", spec.Options{NoReuse: true}, false, false},
		{"tcp::0", spec.Options{ReusePort: true}, true, true},
		{"udp::0", spec.Options{ReusePort: true}, false, true},
		{"tcp::0", spec.Options{NoReuse: true, ReusePort: true}, false, true},
		{dir + "/b", spec.Options{ReusePort: true}, false, false},
	} {
		test.check(t)
	}
}

func (test socketOptionTest) check(t *testing.T) {
	test.options.Backlog = 1
	s := open(t, test.text, test.options)
	if got := sockopt(t, s.FD, unix.SOL_SOCKET, unix.SO_REUSEADDR) != 0; got != test.reuse {
		t.Errorf("%q with %+v has SO_REUSEADDR %v", test.text, test.options, got)
	}
	if got := sockopt(t, s.FD, unix.SOL_SOCKET, unix.SO_REUSEPORT) != 0; got != test.reusePort {
		t.Errorf("%q with %+v has SO_REUSEPORT %v", test.text, test.options, got)
	}
}

func TestOpenFails(t *testing.T) {
	notHere := "no network interface of this host has that address"
	tests := []struct {
		text, problem, hint string
		cause               error
	}{
		{"http::192.0.2.1:0", `cannot open "http::192.0.2.1:0": `, notHere, unix.EADDRNOTAVAIL},
		{"udp::192.0.2.1:0", `cannot open "udp::192.0.2.1:0": `, notHere, unix.EADDRNOTAVAIL},
		{"[fe80::1%no-such-if]:0", `cannot open "tcp::[fe80::1%no-such-if]:0": no network interface "no-such-if"`, "", nil},
	}
	for _, test := range tests {
		err := openFails(t, test.text, options)
		if !strings.HasPrefix(err.Error(), test.problem) || !strings.HasPrefix(err.Hint(), test.hint) {
			t.Errorf("%q: %v, hint %q; want %q, hint %q", test.text, err, err.Hint(), test.problem, test.hint)
		}
		if test.cause != nil && !errors.Is(err, test.cause) {
			t.Errorf("%q: the cause of %v is %v, want %v", test.text, err, err.Err, test.cause)
		}
	}
}

func TestBindError(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		err  error
		hint string
	}{
		{":80", unix.EACCES, "ports below 1024 are for root; take a higher one"},
		{"udp::80", unix.EACCES, lowPortHint(runtime.GOOS, parse(t, "80"))},
		{"/run/a", unix.EACCES, ""},
		{"[::1]:80", unix.EAFNOSUPPORT, "no network interface of this host has that address; 127.0.0.1, or * for every address, always works"},
		{"tcp::80", unix.EMFILE, "raise the limit of open files: ulimit -n"},
		{"/run/a", unix.EMFILE, "raise the limit of open files: ulimit -n"},
		{"tcp::80", unix.ENOMEM, ""},
	}
	for _, test := range tests {
		s := parse(t, test.text)
		err := bindError(s, test.err).(*Error)
		if want := `cannot open "` + s.String() + `": ` + test.err.Error(); err.Error() != want || err.Hint() != test.hint || !errors.Is(err, test.err) {
			t.Errorf("%v, hint %q; want %s, hint %q", err, err.Hint(), want, test.hint)
		}
	}
}

// TestLowPort: macOS lets anybody have every address of a port, and nobody a single one.
func TestLowPort(t *testing.T) {
	t.Parallel()
	const root = "ports below 1024 are for root; take a higher one"
	for _, test := range []struct{ system, text, hint string }{
		{"linux", "http::80", root},
		{"freebsd", "http::80", root},
		{"darwin", "http::80", "ports below 1024 of one address are for root; take a higher one, or :80, which is every address"},
		{"darwin", "[::1]:443", "ports below 1024 of one address are for root; take a higher one, or :443, which is every address"},
		{"darwin", ":80", root},
	} {
		if got := lowPortHint(test.system, parse(t, test.text)); got != test.hint {
			t.Errorf("%s, %s: %q, want %q", test.system, test.text, got, test.hint)
		}
	}
}

// TestNoDualStack: on a system that refuses IPV6_V6ONLY=0, every address is every IPv4 one.
func TestNoDualStack(t *testing.T) {
	defer func(real func(fd, level, name, value int) error) { kernel.setsockopt = real }(kernel.setsockopt)
	for _, refusal := range []error{unix.EINVAL, unix.EOPNOTSUPP, unix.ENOPROTOOPT} {
		kernel.setsockopt = func(fd, level, name, value int) error {
			if level == unix.IPPROTO_IPV6 && name == unix.IPV6_V6ONLY && value == 0 {
				return refusal
			}
			return unix.SetsockoptInt(fd, level, name, value)
		}
		if s := open(t, "http::*:0", options); s.Addr.Addr() != netip.IPv4Unspecified() {
			t.Errorf("%v: it is bound to %v", refusal, s.Opening.Spec)
		}
	}
}

func fcntl(t *testing.T, fd, cmd int) int {
	t.Helper()
	flags, err := unix.FcntlInt(uintptr(fd), cmd, 0)
	if err != nil {
		t.Fatal(err)
	}
	return flags
}

func sockopt(t *testing.T, fd, level, option int) int {
	t.Helper()
	value, err := unix.GetsockoptInt(fd, level, option)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// connects checks that a client of address comes out of accept(2) on s.
func connects(t *testing.T, s Socket, address string) {
	t.Helper()
	client, err := net.Dial(network(s.Opening.Spec), address)
	if err != nil {
		t.Errorf("%v: %v", s.Opening.Spec, err)
		return
	}
	defer client.Close()
	if !readable(t, s.FD) {
		t.Errorf("%v: no connection comes from %s", s.Opening.Spec, address)
		return
	}
	fd, _, err := unix.Accept(s.FD)
	if err != nil {
		t.Errorf("%v: accept: %v", s.Opening.Spec, err)
		return
	}
	unix.Close(fd)
}

// receives checks that what is sent to address arrives at s.
func receives(t *testing.T, s Socket, address string) {
	t.Helper()
	client, err := net.Dial(network(s.Opening.Spec), address)
	if err != nil {
		t.Errorf("%v: %v", s.Opening.Spec, err)
		return
	}
	defer client.Close()
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Errorf("%v: %v", s.Opening.Spec, err)
		return
	}
	if !readable(t, s.FD) {
		t.Errorf("%v: no datagram comes from %s", s.Opening.Spec, address)
		return
	}
	checkHello(t, s, s.FD)
}

// checkHello fails unless the next at fd, of s, is hello.
func checkHello(t *testing.T, s Socket, fd int) {
	t.Helper()
	buffer := make([]byte, 16)
	if n, err := unix.Read(fd, buffer); err != nil || string(buffer[:n]) != "hello" {
		t.Errorf("%v: got %q, %v", s.Opening.Spec, buffer[:max(n, 0)], err)
	}
}

func refuses(t *testing.T, address string) {
	t.Helper()
	client, err := net.Dial("tcp", address)
	if err == nil {
		client.Close()
		t.Errorf("%s takes a connection", address)
	} else if !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("%s: %v", address, err)
	}
}

// network is how package net calls s.
func network(s spec.Spec) string {
	switch {
	case s.Type.Family() == spec.Unix:
		return "unix"
	case s.Type.Transport() == spec.Datagram:
		return "udp"
	}
	return "tcp"
}

// readable waits for a connection or a datagram.
func readable(t *testing.T, fd int) bool {
	t.Helper()
	ready := 0
	err := testkit.Retry(func() (err error) {
		ready, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ready == 1
}
