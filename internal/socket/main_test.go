//go:build unix

package socket

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// openVariable makes this program another process that has a socket open.
const openVariable = "SYSTEMFD_TEST_OPEN"

func TestMain(m *testing.M) {
	if text := os.Getenv(openVariable); text != "" {
		os.Exit(holdOpen(text))
	}
	os.Exit(m.Run())
}

// holdOpen says what it opened, and keeps it until standard input ends. It lets others share the port: whoever does not want to
// is refused all the same.
func holdOpen(text string) int {
	s, err := spec.Parse(text)
	var opened Socket
	if err == nil {
		o := options
		o.ReusePort = true
		opened, err = Open(spec.Opening{Spec: s, Options: o})
	}
	if err == nil {
		fmt.Println(opened.Opening.Spec)
		io.Copy(io.Discard, os.Stdin)
		err = opened.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// elsewhere opens text in another process for as long as the test runs, and returns what it is bound to.
func elsewhere(t *testing.T, text string) (bound spec.Spec, pid int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), openVariable+"="+text, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	startUntilEnd(t, cmd)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	return parse(t, strings.TrimSuffix(line, "\n")), cmd.Process.Pid
}

// startUntilEnd starts a process that ends with its standard input, which the end of the test closes.
func startUntilEnd(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the other process: %v", err)
		}
	})
}

// options are the command line's defaults.
var options = spec.Defaults()

var loopback6 = netip.IPv6Loopback()

func parse(t *testing.T, text string) spec.Spec {
	t.Helper()
	s, err := spec.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func opening(t *testing.T, text string, o spec.Options) spec.Opening {
	t.Helper()
	return spec.Opening{Spec: parse(t, text), Options: o}
}

// open opens text and closes it after the test.
func open(t *testing.T, text string, o spec.Options) Socket {
	t.Helper()
	s, err := Open(opening(t, text, o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close %v: %v", s.Opening.Spec, err)
		}
	})
	return s
}

// openFails opens text, which has to fail and to leave no descriptor open. No test that uses it runs
// in parallel with others.
func openFails(t *testing.T, text string, o spec.Options) *Error {
	t.Helper()
	want := opening(t, text, o)
	before := descriptors(t)
	got, err := Open(want)
	if err == nil {
		got.Close()
		t.Fatalf("Open(%q) works", text)
	}
	failure, ok := err.(*Error)
	if !ok {
		t.Fatalf("Open(%q): %#v is no *Error", text, err)
	}
	if after := descriptors(t); !slices.Equal(after, before) {
		t.Errorf("Open(%q) leaves descriptors: %q, before %q", text, after, before)
	}
	return failure
}

// descriptors lists what this process has open.
func descriptors(t *testing.T) []string {
	t.Helper()
	folder, err := os.Open("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	names, err := folder.Readdirnames(-1)
	folder.Close()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// rawSocket returns a socket without FD_CLOEXEC, as one that came through exec, bound to sa unless that is nil.
func rawSocket(t *testing.T, family, sotype int, sa unix.Sockaddr) int {
	t.Helper()
	fd, err := unix.Socket(family, sotype, 0)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		t.Skipf("this system has no socket of family %d, type %d", family, sotype)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if sa != nil {
		if err := unix.Bind(fd, sa); err != nil {
			t.Fatal(err)
		}
	}
	return fd
}

// rawUnix is rawSocket, bound to path.
func rawUnix(t *testing.T, sotype int, path string) int {
	t.Helper()
	return rawSocket(t, unix.AF_UNIX, sotype, &unix.SockaddrUnix{Name: path})
}

// rawListener is rawUnix, and listens.
func rawListener(t *testing.T, sotype int, path string) int {
	t.Helper()
	fd := rawUnix(t, sotype, path)
	if err := unix.Listen(fd, 1); err != nil {
		t.Fatal(err)
	}
	return fd
}

// raw4 is rawSocket, bound to a free port of 127.0.0.1.
func raw4(t *testing.T, sotype int) int {
	t.Helper()
	return rawSocket(t, unix.AF_INET, sotype, &unix.SockaddrInet4{Addr: loopback4.As4()})
}

// needIPv6 skips the test by name if the host has no IPv6.
func needIPv6(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM, 0)
	if err == nil {
		defer unix.Close(fd)
		err = unix.Bind(fd, &unix.SockaddrInet6{Addr: loopback6.As16()})
	}
	if err != nil {
		t.Skipf("this host has no IPv6: %v", err)
	}
}

// needIPv6For is needIPv6 if text has an IPv6 address.
func needIPv6For(t *testing.T, text string) {
	t.Helper()
	if parse(t, text).Addr.Addr().Is6() {
		needIPv6(t)
	}
}

// deadSocket leaves a socket at path that nobody has bound.
func deadSocket(t *testing.T, path string, sotype int) {
	t.Helper()
	if err := testkit.DeadSocket(path, sotype); err != nil {
		t.Fatal(err)
	}
}
