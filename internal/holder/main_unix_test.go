//go:build unix

package holder

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/daemon"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// userVariable makes this program another process that uses sockets, see use.
const userVariable = "HOLDER_TEST_USE"

// TestMain is also the hidden command: the holders that these tests start are this program.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == daemon.Command:
		os.Exit(daemon.Main(os.Args[2:]))
	case os.Getenv(userVariable) != "":
		os.Exit(use(os.Getenv(userVariable), os.Args[1:]))
	}
	os.Exit(run(m))
}

// run has the tests know no other holders than their own.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("/tmp", "sfd-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	os.Setenv("XDG_RUNTIME_DIR", dir)
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector would sleep a second in each
	return m.Run()
}

// use fetches from a holder, says so, and lives until standard input ends.
func use(control string, texts []string) int {
	var wanted []spec.Opening
	for _, text := range texts {
		o, err := spec.ParseOpening(text)
		if err != nil {
			return 2
		}
		wanted = append(wanted, o)
	}
	c := &client{control, os.Geteuid()}
	fetched, err := c.Fetch(wanted)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("fetched", len(fetched))
	for _, f := range fetched {
		fmt.Println("used by", f.Users)
	}
	os.Stdin.Read(make([]byte, 1))
	return 0
}

// umaskKept calls f while no other test needs the umask.
func umaskKept(f func()) {
	testkit.Umask.Lock()
	defer testkit.Umask.Unlock()
	f()
}

// client is that of a holder in a directory of its own, which ends with the test at the latest.
func newClient(t testing.TB) *client {
	t.Helper()
	return clientAt(t, testkit.Directory(t)+"/systemfd/x.sock")
}

func clientAt(t testing.TB, control string) *client {
	t.Helper()
	c := &client{control, os.Geteuid()}
	t.Cleanup(func() {
		if state, err := c.Status(); err == nil {
			unix.Kill(state.PID, unix.SIGKILL)
		}
	})
	return c
}

// ownDirectory gives a test a directory of control sockets that no other has. Such a test is not parallel.
func ownDirectory(t *testing.T) (dir string) {
	t.Helper()
	dir = testkit.Directory(t)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	return dir + "/systemfd"
}

func mustName(t *testing.T, name string) *client {
	t.Helper()
	c, err := Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return clientAt(t, c.Control())
}

// claim claims openings that work, for a process that ends with the test.
func claim(t testing.TB, c *client, owner int, texts ...string) Claimed {
	t.Helper()
	claimed, err := claimAll(c, owner, testkit.Openings(t, texts...))
	if err != nil {
		t.Fatal(err)
	}
	if len(claimed.Openings) != len(texts) || len(claimed.IsNew) != len(texts) || claimed.PID == os.Getpid() || !process.IsAlive(claimed.PID) {
		t.Fatalf("claimed are %+v", claimed)
	}
	t.Cleanup(func() {
		if process.Name(claimed.PID) == process.Name(os.Getpid()) {
			unix.Kill(claimed.PID, unix.SIGKILL)
		}
	})
	return claimed
}

func claimAll(c *client, owner int, wanted []spec.Opening) (claimed Claimed, err error) {
	umaskKept(func() { claimed, err = c.Claim(owner, wanted) })
	return claimed, err
}

func keepAll(c *client, owner int, sockets []socket.Socket) (err error) {
	umaskKept(func() { err = c.Keep(owner, sockets) })
	return err
}

// status is that of a holder that answers.
func status(t testing.TB, c *client) State {
	t.Helper()
	state, err := c.Status()
	if err != nil {
		t.Fatal(err)
	}
	if state.Control != c.control {
		t.Errorf("the control socket is %q, not %q", state.Control, c.control)
	}
	return state
}

// isGone waits until the holder has ended, and checks that it has left nothing.
func isGone(t testing.TB, c *client, pid int) {
	t.Helper()
	testkit.Await(t, "the holder to end", func() bool { return !process.IsAlive(pid) })
	if testkit.Exists(c.control) {
		t.Error("the control socket is left")
	}
	if _, err := c.Status(); !errors.Is(err, ErrGone) {
		t.Errorf("there still is %v", err)
	}
}

// open opens something here, until the test ends.
func open(t testing.TB, text string) (s socket.Socket) {
	t.Helper()
	var err error
	umaskKept(func() { s, err = socket.Open(testkit.Openings(t, text)[0]) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Forget() })
	return s
}

// socketAt leaves a socket at path, which listens until the test ends if it is to be alive.
func socketAt(t *testing.T, path string, isAlive bool) {
	t.Helper()
	if isAlive {
		listen(t, path, 128)
	} else if err := testkit.DeadSocket(path, unix.SOCK_STREAM); err != nil {
		t.Fatal(err)
	}
}

// listen listens at path until the test ends, and accepts nothing.
func listen(t *testing.T, path string, backlog int) (fd int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		t.Cleanup(func() { unix.Close(fd) })
		unix.CloseOnExec(fd)
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}
