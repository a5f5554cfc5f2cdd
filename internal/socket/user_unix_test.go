//go:build unix

package socket

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// On a busy machine lsof takes its time.
func init() { listTime = testkit.Patience }

// asked are the ways to learn who has an address: that of this system, and lsof(8).
func asked(t *testing.T) map[string]func(spec.Spec) process.Process {
	t.Helper()
	switch runtime.GOOS {
	case "openbsd", "netbsd", "dragonfly":
		t.Skip(runtime.GOOS + " does not tell who has an address")
	case "freebsd": // where lsof is no part of the system
		return map[string]func(spec.Spec) process.Process{"system": user}
	}
	testkit.Need(t, "lsof")
	return map[string]func(spec.Spec) process.Process{"system": user, "lsof": lsofUser}
}

// userTest is an address of another process, and ours with %d for their port.
type userTest struct {
	theirs, ours string
	isInTheWay   bool
}

var userTests = []userTest{
	{"tcp::0", "tcp::%d", true},
	{"tcp::0", "127.0.0.2:%d", false},
	{"tcp::0", "udp::%d", false},
	{"tcp::0", "0.0.0.0:%d", true},
	{"tcp::0", ":%d", true},
	{"tcp::0", "[::1]:%d", false},
	{"0.0.0.0:0", "https::%d", true},
	{"0.0.0.0:0", "[::1]:%d", false},
	{":0", "tcp::%d", true},
	{":0", "[::1]:%d", true},
	{"[::1]:0", "[::1]:%d", true},
	{"[::1]:0", "tcp::%d", false},
	{"udp::0", "udp::%d", true},
	{"udp::0", "udp::0.0.0.0:%d", true},
	{"udp::0", "tcp::%d", false},
	{"/a.sock", "/a.sock", true}, // in a directory of the test
	{"/a.sock", "/b.sock", false},
}

func TestUser(t *testing.T) {
	t.Parallel()
	for _, test := range userTests {
		t.Run(test.theirs+" "+test.ours, func(t *testing.T) {
			t.Parallel()
			test.check(t)
		})
	}
}

func (test userTest) check(t *testing.T) {
	needIPv6For(t, test.theirs)
	ask := asked(t)
	if dir := testkit.Directory(t); test.theirs[0] == '/' {
		test.theirs, test.ours = dir+test.theirs, dir+test.ours
	}
	bound, pid := elsewhere(t, test.theirs)
	ours := parse(t, strings.Replace(test.ours, "%d", fmt.Sprint(bound.Port()), 1))
	want := process.Process{}
	if test.isInTheWay {
		want = process.Of(pid)
	}
	for name, user := range ask {
		test.await(t, name, func() bool {
			got := user(ours)
			return got == want || got.PID != 0 && ours.Addr.Addr().IsUnspecified() // somebody else may have that port, too
		})
	}
}

// await asks again if nobody was found: while sockets come and go, /proc/net leaves some out.
func (test userTest) await(t *testing.T, name string, isRight func() bool) {
	t.Helper()
	if test.isInTheWay {
		testkit.Await(t, name+" to name who has "+test.theirs, isRight)
	} else if !isRight() {
		t.Errorf("%s: somebody has %s", name, test.ours)
	}
}

// A path is a file, however it is spelled.
func TestLsofUserOfLink(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "lsof")
	dir := testkit.Directory(t)
	bound, pid := elsewhere(t, dir+"/a.sock")
	if err := os.Symlink(dir, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	link := parse(t, dir+"/link/a.sock")
	testkit.Await(t, bound.Path+" to have a user", func() bool { return lsofUser(link) == process.Of(pid) })
}

// Connections are no listeners, and neither is a port that nobody listens at.
func TestLsofUserOfConnection(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "lsof")
	s := open(t, "tcp::0", options)
	cmd := withSocket(t, dialed(t, s))
	if got := lsofUser(s.Opening.Spec); got.PID != 0 {
		t.Errorf("%v, of connection process %d", got, cmd.Process.Pid)
	}
}

func dialed(t *testing.T, s Socket) int {
	t.Helper()
	fd, err := newSocket(unix.AF_INET, unix.SOCK_STREAM)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	sa, _, err := sockaddr(s.Addr)
	if err == nil {
		err = unix.Connect(fd, sa)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// withSocket starts a process that has a descriptor.
func withSocket(t *testing.T, fd int) *exec.Cmd {
	t.Helper()
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(copied), "")
	defer file.Close()
	cmd := exec.Command("sleep", "600")
	cmd.ExtraFiles = []*os.File{file}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { testkit.End(cmd) })
	return cmd
}

// TestLsofSharers: a child that has the socket is told, and nobody who has another one of the same path, or port.
func TestLsofSharers(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "lsof")
	for _, text := range []string{"tcp::0", "udp::0", testkit.Directory(t) + "/a.sock"} {
		o := options
		o.ReusePort = text == "udp::0"
		s := open(t, text, o)
		cmd := withSocket(t, s.FD)
		child := process.Of(cmd.Process.Pid)
		testkit.Await(t, "the child to have "+text, func() bool {
			got := lsofSharers(s.FD)
			return slices.Contains(got, child) && !slices.Contains(got, process.Of(os.Getpid()))
		})
		testkit.End(cmd)
		// A child of another test has all descriptors until it execs.
		testkit.Await(t, "nobody to have it", func() bool { return len(lsofSharers(s.FD)) == 0 })
	}
	if got := lsofSharers(-1); got != nil {
		t.Errorf("no socket: %v", got)
	}
}

// The output of a program that fails counts.
func TestOutput(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{"echo a; echo b >&2": "a\n", "echo a; exit 1": "a\n", "kill -9 $$": ""} {
		if got := output(listTime, "sh", "-c", script); got != want {
			t.Errorf("%s: got %q", script, got)
		}
	}
	if got := output(listTime, "no such program"); got != "" {
		t.Errorf("got %q", got)
	}
}

// A program that takes too long is not waited for, nor is what it has started. What it has printed counts.
func TestOutputInTime(t *testing.T) {
	t.Parallel()
	start := time.Now()
	got := output(time.Second, "sh", "-c", "sleep 600 & echo $!; wait")
	if took := time.Since(start); took > testkit.Patience {
		t.Errorf("it takes %v", took)
	}
	child, err := strconv.Atoi(strings.TrimSpace(got))
	if err != nil {
		t.Fatalf("got %q", got)
	}
	unix.Kill(child, unix.SIGKILL)
}

// Without sockstat(1) nobody is known.
func TestSockstatUser(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("sockstat"); err == nil {
		t.Skip("there is a sockstat")
	}
	if got := sockstatUser(spec.Spec{Type: "tcp"}); got != (process.Process{}) {
		t.Errorf("got %v", got)
	}
}
