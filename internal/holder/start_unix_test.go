//go:build unix

package holder

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// TestStart starts a holder, this program, and has it end with its owner.
func TestStart(t *testing.T) {
	t.Parallel()
	c, dir, owner := newClient(t), testkit.Directory(t), testkit.Sleeper(t)
	claimed := claim(t, c, owner.Process.Pid, "0", dir+"/a")
	for _, o := range claimed.Openings {
		if !testkit.Listens(t, o) {
			t.Errorf("nobody listens at %s", o.Address())
		}
	}
	if again := claim(t, c, owner.Process.Pid, "0", dir+"/a"); again.PID != claimed.PID || again.Openings[0].Addr != claimed.Openings[0].Addr {
		t.Errorf("claimed again is %+v", again)
	}
	for path, mode := range map[string]os.FileMode{c.control: os.ModeSocket | 0o600, filepath.Dir(c.control): os.ModeDir | 0o700} {
		if stat, err := os.Lstat(path); err != nil || stat.Mode() != mode {
			t.Errorf("%q is %v, %v", path, stat.Mode(), err)
		}
	}
	testkit.End(owner)
	isGone(t, c, claimed.PID)
	if testkit.Exists(dir + "/a") {
		t.Error("the path is left")
	}
	testkit.AwaitClosed(t, claimed.Openings[0])
}

// claimTogether claims the same for several owners at once, for each by a client of its own.
func claimTogether(t *testing.T, c *client, owners []int, texts ...string) []Claimed {
	t.Helper()
	claimed, errs := make([]Claimed, len(owners)), make([]error, len(owners))
	wanted := testkit.Openings(t, texts...)
	var all sync.WaitGroup
	for i, owner := range owners {
		all.Go(func() { claimed[i], errs[i] = (&client{c.control, c.peer}).Claim(owner, wanted) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return claimed
}

// TestStartTogether has many claim the same of a holder that does not run yet: they share one. It is not parallel: the
// umask changes.
func TestStartTogether(t *testing.T) {
	defer unix.Umask(unix.Umask(0o022))
	c, dir := newClient(t), testkit.Directory(t)
	claimed := claimTogether(t, c, slices.Repeat([]int{os.Getpid()}, 50), "0", dir+"/a")
	opened := 0
	for _, got := range claimed {
		if got.PID != claimed[0].PID || got.Openings[0].Addr != claimed[0].Openings[0].Addr {
			t.Errorf("one has %+v, another %+v", claimed[0], got)
		}
		if got.IsNew[0] != got.IsNew[1] {
			t.Errorf("one has opened half of it: %+v", got)
		}
		if got.IsNew[0] {
			opened++
		}
	}
	state := status(t, c)
	if opened != 1 || state.PID != claimed[0].PID || len(state.Sockets) != 2 || !testkit.Listens(t, claimed[0].Openings[1]) {
		t.Errorf("%d have opened it; the state is %+v", opened, state)
	}
	if err := c.Release(os.Getpid()); err != nil {
		t.Error(err)
	}
	isGone(t, c, claimed[0].PID)
}

// TestSamePortAtOnce has two claim a new port of a holder that runs: one opens it, both have it.
func TestSamePortAtOnce(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	claim(t, c, os.Getpid(), "0")
	for range 10 {
		address := testkit.FreePort(t)
		owners := []int{testkit.Sleeper(t).Process.Pid, testkit.Sleeper(t).Process.Pid}
		got := claimTogether(t, c, owners, "http::"+address)
		if got[0].IsNew[0] == got[1].IsNew[0] || got[0].Openings[0] != got[1].Openings[0] || got[0].Openings[0].Address() != address {
			t.Errorf("one has %+v, the other %+v", got[0], got[1])
		}
	}
}

// TestHolderEndsMeanwhile has a claim meet the end of the last owner: it has what it wants, of the one holder or of the
// next.
func TestHolderEndsMeanwhile(t *testing.T) {
	t.Parallel()
	same := 0
	for range 10 {
		c, owner, address := newClient(t), testkit.Sleeper(t), testkit.FreePort(t)
		first := claim(t, c, owner.Process.Pid, address)
		var released sync.WaitGroup
		released.Go(func() { c.Release(owner.Process.Pid) })
		second := claim(t, c, os.Getpid(), address)
		released.Wait()
		state := status(t, c)
		if len(state.Sockets) != 1 || state.PID != second.PID || !testkit.Listens(t, first.Openings[0]) ||
			second.IsNew[0] != (second.PID != first.PID) {
			t.Fatalf("the claim gives %+v; the state is %+v", second, state)
		}
		if second.PID == first.PID {
			same++
		}
		if _, err := c.Stop(nil); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d of 10 by the first holder", same)
}

// TestHolderIsKilled: the files of a dead holder are replaced.
func TestHolderIsKilled(t *testing.T) {
	t.Parallel()
	c, address, path := newClient(t), testkit.FreePort(t), testkit.Directory(t)+"/a"
	first := claim(t, c, os.Getpid(), address, path)
	if err := unix.Kill(first.PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	testkit.Await(t, "the holder to end", func() bool { return !process.IsAlive(first.PID) })
	if _, err := c.Status(); !errors.Is(err, ErrGone) || !testkit.Exists(c.control) {
		t.Errorf("there is %v, the control socket: %v", err, testkit.Exists(c.control))
	}
	second := claim(t, c, os.Getpid(), address, path)
	if second.PID == first.PID || !second.IsNew[0] || !second.IsNew[1] || c.WasStopped() {
		t.Errorf("claimed is %+v", second)
	}
}

// TestDirectoryIsCleared: a claim that finds no holder, and its port taken, waits until the holder is back.
func TestDirectoryIsCleared(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	first := claim(t, c, os.Getpid(), "0")
	if err := os.RemoveAll(filepath.Dir(c.control)); err != nil {
		t.Fatal(err)
	}
	again := claim(t, c, os.Getpid(), first.Openings[0].Address())
	if again.PID != first.PID || again.IsNew[0] || len(status(t, c).Sockets) != 1 {
		t.Errorf("claimed was %+v, and then %+v", first, again)
	}
}

// TestHolderIsKilledMeanwhile: the holder of before, whose sockets were in the way, does not come back.
func TestHolderIsKilledMeanwhile(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	first := claim(t, c, os.Getpid(), testkit.FreePort(t))
	if err := os.RemoveAll(filepath.Dir(c.control)); err != nil {
		t.Fatal(err)
	}
	unix.Kill(first.PID, unix.SIGKILL)
	testkit.Await(t, "the holder to end", func() bool { return !process.IsAlive(first.PID) })
	testkit.AwaitClosed(t, first.Openings[0])
	var claimed Claimed
	var err error
	umaskKept(func() { claimed, err = c.claimOfReturned(claiming{os.Getpid(), first.Openings, false, opener{}}) })
	if err != nil {
		t.Fatal(err)
	}
	if state := status(t, c); len(state.Sockets) != 1 || state.PID != claimed.PID || state.PID == first.PID {
		t.Errorf("claimed is %+v, the state %+v", claimed, state)
	}
}

// taken has another program listen, and returns where.
func taken(t *testing.T) (address string, pid int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	other := exec.Command("sleep", "600")
	other.ExtraFiles = []*os.File{file}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { testkit.End(other) })
	return l.Addr().String(), other.Process.Pid
}

// TestPortIsTaken: if another program has the port, the answer does not wait for a holder to come back.
func TestPortIsTaken(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	address, pid := taken(t)
	testkit.Await(t, "the answer to be quick", func() bool { // a child of ours may have all descriptors until it execs
		begin := time.Now()
		_, err := claimAll(c, os.Getpid(), testkit.Openings(t, address))
		if !errors.Is(err, unix.EADDRINUSE) || !strings.HasPrefix(err.Error(), address+" is in use") || testkit.Hint(err) == "" {
			t.Fatalf("got %v", err)
		}
		return runtime.GOOS != "linux" || time.Since(begin) < searchTime && err.Error() == fmt.Sprintf("%s is in use by sleep (pid %d)", address, pid)
	})
}

// TestStop leaves a mark, until something is claimed again.
func TestStop(t *testing.T) {
	t.Parallel()
	c, path := newClient(t), testkit.Directory(t)+"/a"
	if c.WasStopped() {
		t.Error("what never ran was stopped")
	}
	claimed := claim(t, c, os.Getpid(), "0", path)
	if _, err := c.Stop(nil); err != nil {
		t.Error(err)
	}
	if testkit.Exists(path) || testkit.Exists(c.control) || !c.WasStopped() {
		t.Errorf("left are the path: %v, the control socket: %v; stopped: %v", testkit.Exists(path), testkit.Exists(c.control), c.WasStopped())
	}
	testkit.AwaitClosed(t, claimed.Openings[0])
	isGone(t, c, claimed.PID)
	if _, err := c.Stop(nil); !errors.Is(err, ErrGone) || !c.WasStopped() {
		t.Errorf("once more: %v; stopped: %v", err, c.WasStopped())
	}
	claim(t, c, os.Getpid(), "0")
	if c.WasStopped() {
		t.Error("what runs was stopped")
	}
}

type controlPathTest struct {
	prepare func(t *testing.T, control string)
	want    string
}

var controlPathTests = map[string]controlPathTest{
	"by a file": {writeFile, "exists and is a file, not a socket"},
	"by a link": {
		func(t *testing.T, control string) { symlink(t, "x", control) },
		"exists and is a symbolic link, not a socket",
	},
	"in an unsafe directory": {
		func(t *testing.T, control string) { chmod(t, filepath.Dir(control), 0o755) },
		"is not safe: others may use it (mode 0755)",
	},
	"in no directory": {func(t *testing.T, control string) {
		if err := os.Remove(filepath.Dir(control)); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Dir(control))
	}, "is not safe: it is not a directory"},
}

// TestControlPathIsTaken: anything but a dead socket of ours stays, and is an error.
func TestControlPathIsTaken(t *testing.T) {
	t.Parallel()
	for name, test := range controlPathTests {
		t.Run(name, test.check)
	}
}

func (test controlPathTest) check(t *testing.T) {
	t.Parallel()
	c, path := newClient(t), testkit.Directory(t)+"/a"
	mkdir(t, filepath.Dir(c.control))
	test.prepare(t, c.control)
	before, _ := os.Lstat(c.control)
	if _, err := claimAll(c, os.Getpid(), testkit.Openings(t, path)); err == nil || !strings.Contains(err.Error(), test.want) {
		t.Errorf("got %v, want %q", err, test.want)
	}
	if after, _ := os.Lstat(c.control); testkit.Exists(path) || (before == nil) != (after == nil) || before != nil && !os.SameFile(before, after) {
		t.Errorf("the control path was %v, and is %v", before, after)
	}
	if _, err := c.Status(); !errors.Is(err, ErrGone) {
		t.Errorf("the state: %v", err)
	}
}

// TestWithoutHolder: there is nothing to ask, and nothing is made.
func TestWithoutHolder(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	if state, err := c.Status(); !errors.Is(err, ErrGone) {
		t.Errorf("the state is %+v, %v", state, err)
	}
	for name, fetch := range fetches {
		if all, err := fetch(c, testkit.Openings(t, "3000")); !errors.Is(err, ErrGone) || all != nil {
			t.Errorf("%s: %v, %v", name, all, err)
		}
	}
	if _, err := c.Stop(nil); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	if err := c.Release(os.Getpid()); err != nil || c.WasStopped() {
		t.Errorf("released: %v", err)
	}
	if testkit.Exists(filepath.Dir(c.control)) {
		t.Error("a directory is made by asking")
	}
}
