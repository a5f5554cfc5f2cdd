//go:build unix

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// givenFile returns an open file for exec.Cmd.ExtraFiles; what is behind it stays open until the test ends.
func givenFile(t testing.TB, open interface{ File() (*os.File, error) }) *os.File {
	t.Helper()
	f, err := open.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func listen(t testing.TB) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

func textFile(t testing.TB, text string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// writeProgram writes a program that anybody may run.
func writeProgram(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// staleVariables are what another process was told.
var staleVariables = []string{
	"LISTEN_FDS=9", "LISTEN_PID=1", "LISTEN_PIDFDID=5", "LISTEN_FDNAMES=x", "LISTEN_FDS_FIRST_FD=8",
	"SYSTEMFD_SOCKETS=tcp::1", "SYSTEMFD_HOLDER=/nowhere",
}

// The environment arrives as it was: its order, entries that a shell would drop. Ours come last.
func TestEnvironmentPasses(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "env")
	given := []string{
		"PATH=" + os.Getenv("PATH"), "B=2", "A=1", "EMPTY=", "LINES=one\ntwo", "bytes=\xff\x80", "with space=x", "EQUALS=a=b",
		"LISTEN_FDSX=7", "SYSTEMFD=1", "MAKEFLAGS= -k --jobserver-auth=fifo:/tmp/x",
	}
	got := testkit.HandOff(t, func(cmd *exec.Cmd) {
		cmd.Env = slices.Concat(staleVariables[:3], given, staleVariables[3:])
	}, "-q", "-s", "./a.sock", "--", "env")

	rest, ok := strings.CutPrefix(got.Out, strings.Join(given, "\n")+"\n")
	if !ok {
		t.Fatalf("the environment is %q, want %q in front", got.Out, given)
	}
	want := fmt.Sprintf(`SYSTEMFD_SOCKETS=unix=unix::/[^\n]+/a\.sock~mode=0[0-7]{3}
LISTEN_FDS=1
LISTEN_FDNAMES=unix
LISTEN_PID=%d
LISTEN_FDS_FIRST_FD=3
`, got.PID)
	if !regexp.MustCompile(`\A` + want + `\z`).MatchString(rest) {
		t.Errorf("behind it is %q, want %q", rest, want)
	}
}

// Without sockets nothing of the protocol is left, and nothing else changes.
func TestEnvironmentWithoutSockets(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "env")
	given := []string{"PATH=" + os.Getenv("PATH"), "A=1"}
	for _, last := range []string{"SYSTEMFD_SOCKETS=tcp::1", "SYSTEMFD_HOLDER=/nowhere"} { // both at once would be sockets
		got := testkit.HandOff(t, func(cmd *exec.Cmd) {
			cmd.Env = append(slices.Clone(given), "LISTEN_PID=1", "LISTEN_PIDFDID=5", "LISTEN_FDNAMES=x", "LISTEN_FDS_FIRST_FD=8", last)
		}, "-q", "--", "env")
		if want := strings.Join(given, "\n") + "\n"; got.Out != want {
			t.Errorf("with %s the environment is %q, want %q; %s", last, got.Out, want, got.Err)
		}
	}
}

// The process is the one that was started, and it needs no terminal.
func TestSameProcess(t *testing.T) {
	t.Parallel()
	got := testkit.HandOff(t, func(cmd *exec.Cmd) { cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true} }, "-q", "-s", "0", "--", "probe")
	testkit.Says(t, got.Out, fmt.Sprintf("pid %d", got.PID), fmt.Sprintf("env LISTEN_PID=%d", got.PID))
}

// Junk gives way, holes are filled, all else stays what it was.
func TestDescriptorsTaken(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "cat")
	junk, kept := textFile(t, "junk"), textFile(t, "kept")
	prepare := func(cmd *exec.Cmd) {
		cmd.ExtraFiles = []*os.File{junk, junk, junk, nil, nil, nil, nil, kept} // 3, 4, 5 and 10
	}
	got := testkit.HandOff(t, prepare, "-q", "-s", "a=0", "-s", "b=udp::0", "--", "probe")
	testkit.Says(t, got.Out, "env LISTEN_FDNAMES=a:b", "fd 3 socket type=1 .*", "fd 4 socket type=2 .*", "fd 5 file .*", "fd 10 file .*")
	testkit.SaysNot(t, got.Out, "fd [6-9] .*")

	got = testkit.HandOff(t, prepare, "-q", "-s", "a=0", "-s", "b=udp::0", "-s", "c=0", "-s", "d=./d.sock", "--", "probe")
	testkit.Says(t, got.Out, "env LISTEN_FDNAMES=a:b:c:d",
		"fd 3 socket type=1 .*", "fd 4 socket type=2 .*", "fd 5 socket type=1 .* 127.*", "fd 6 socket type=1 .*/d.sock", "fd 10 file .*")
	testkit.SaysNot(t, got.Out, "fd [7-9] .*")

	got = testkit.HandOff(t, prepare, "-q", "-s", "0", "-s", "0", "--", "cat", "/dev/fd/5", "/dev/fd/10")
	if got.Out != "junkkept" {
		t.Errorf("descriptors 5 and 10 read %q, %s", got.Out, got.Err)
	}
}

// A set that starts elsewhere, of an activator that says no more, goes to 3; its old numbers are free.
func TestInheritedElsewhere(t *testing.T) {
	t.Parallel()
	first, second := listen(t), listen(t)
	prepare := func(cmd *exec.Cmd) {
		cmd.ExtraFiles = []*os.File{nil, nil, nil, nil, givenFile(t, first), givenFile(t, second)}
		cmd.Env = append(os.Environ(), "LISTEN_FDS=2", "LISTEN_FDS_FIRST_FD=7", "LISTEN_FDNAMES=we b:x/y", "LISTEN_PID=1")
	}
	here := func(l net.Listener) string { return regexp.QuoteMeta(l.Addr().String()) }
	got := testkit.HandOff(t, prepare, "--", "probe")
	if got.Err != "" {
		t.Errorf("stderr has %q", got.Err)
	}
	testkit.Says(t, got.Out,
		"env LISTEN_FDS=2", "env LISTEN_FDS_FIRST_FD=3", "env LISTEN_FDNAMES=we b:x/y", fmt.Sprintf("env LISTEN_PID=%d", got.PID),
		"fd 3 socket .* blocking "+here(first), "fd 4 socket .* blocking "+here(second)) // Go's own listeners are O_NONBLOCK
	testkit.SaysNot(t, got.Out, "fd [5-9] .*", ".* nonblocking .*")

	got = testkit.HandOff(t, prepare, "--nonblock", "--append", "-s", "c=0", "--", "probe")
	testkit.Says(t, got.Out, "env LISTEN_FDNAMES=we b:x/y:c",
		"fd 3 .* nonblocking "+here(first), "fd 4 .* nonblocking "+here(second), "fd 5 socket .* nonblocking 127.*")
	testkit.SaysNot(t, got.Out, "fd [6-9] .*")
}

// Overlap: the set's last number is where its first one was.
func TestInheritedOverlap(t *testing.T) {
	t.Parallel()
	first, second := listen(t), listen(t)
	got := testkit.HandOff(t, func(cmd *exec.Cmd) {
		cmd.ExtraFiles = []*os.File{nil, givenFile(t, first), givenFile(t, second)}
		cmd.Env = append(os.Environ(), "LISTEN_FDS=2", "LISTEN_FDS_FIRST_FD=4")
	}, "--append", "-s", "0", "--", "probe")
	testkit.Says(t, got.Out, "fd 3 socket .* "+first.Addr().String(), "fd 4 socket .* "+second.Addr().String(), "fd 5 socket .* 127.*",
		"env LISTEN_FDNAMES=unknown:unknown:tcp")
	testkit.SaysNot(t, got.Out, "fd [6-9] .*")
}

// Described sockets must be usable. Without a description, anything is passed, as systemd does.
func TestNotASocketToPass(t *testing.T) {
	t.Parallel()
	l := listen(t)
	for is, file := range map[string]*os.File{
		"an inet stream socket, connected":                       connectedSocket(t, l.Addr().String()),
		"an inet stream socket, neither listening nor connected": idleSocket(t),
	} {
		passed := func(cmd *exec.Cmd) {
			cmd.ExtraFiles = []*os.File{file}
			cmd.Env = append(os.Environ(), "LISTEN_FDS=1")
		}
		got := testkit.HandOff(t, func(cmd *exec.Cmd) {
			passed(cmd)
			cmd.Env = append(cmd.Env, "SYSTEMFD_SOCKETS=http::"+l.Addr().String())
		}, "--", "probe")
		if got.Status != 125 || got.Out != "" {
			t.Errorf("%s: exit %d, stdout %q", is, got.Status, got.Out)
		}
		testkit.Says(t, got.Err, fmt.Sprintf("error: descriptor 3 should be http://%s/, but is %s", l.Addr(), is), "hint: .*descriptors of its own.*")

		got = testkit.HandOff(t, passed, "--", "probe")
		testkit.Says(t, got.Out, "env LISTEN_FDS=1", "fd 3 socket type=1 listening=0 .*")
	}
}

func connectedSocket(t *testing.T, address string) *os.File {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return givenFile(t, conn.(*net.TCPConn))
}

func idleSocket(t *testing.T) *os.File {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "idle")
	t.Cleanup(func() { f.Close() })
	return f
}
