//go:build unix

package holder

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// TestClaimAgain: the same claim gives the same sockets.
func TestClaimAgain(t *testing.T) {
	t.Parallel()
	c, owner, path := newClient(t), testkit.Sleeper(t).Process.Pid, testkit.Directory(t)+"/a"
	first := claim(t, c, owner, "a=0", "b=tcp::0", "unix::"+path)
	bound := first.Openings
	if bound[0].Name != "a" || bound[1].Name != "b" || bound[2].Name != "unix" || bound[0].Addr == bound[1].Addr || bound[0].Port() == 0 ||
		!slices.Equal(first.IsNew, []bool{true, true, true}) {
		t.Fatalf("claimed are %+v", first)
	}
	isOpen := waiting(t, bound[0])
	again := claim(t, c, owner, "a=0", "b=tcp::0", "unix::"+path)
	if !slices.Equal(again.Openings, bound) || !slices.Equal(again.IsNew, make([]bool, 3)) || again.PID != first.PID || !isOpen() {
		t.Errorf("the same claim gives %+v, then %+v", first, again)
	}
}

// TestClaimChanges: a claim replaces the previous one. Sockets in both stay open meanwhile.
func TestClaimChanges(t *testing.T) {
	t.Parallel()
	c, owner, path := newClient(t), testkit.Sleeper(t).Process.Pid, testkit.Directory(t)+"/a"
	bound := claim(t, c, owner, "a=0", "b=tcp::0", "unix::"+path).Openings
	isFirstOpen, isKept := waiting(t, bound[0]), waiting(t, bound[1])
	changed := claim(t, c, owner, "c=http::"+bound[1].Address(), "udp::0")
	got := changed.Openings[0]
	if got.Addr != bound[1].Addr || got.Name != "c" || got.Type != "http" || !slices.Equal(changed.IsNew, []bool{false, true}) {
		t.Errorf("claimed is %v, not %v", got, bound[1])
	}
	testkit.Await(t, "the first socket to be closed", func() bool { return !isFirstOpen() })
	if !isKept() {
		t.Errorf("%s was closed in between", bound[1].Address())
	}
	if testkit.Exists(path) {
		t.Errorf("%q is claimed no more, and stays", path)
	}
}

// TestClaimFails: a claim that fails changes nothing, and leaves nothing of its own.
func TestClaimFails(t *testing.T) {
	t.Parallel()
	c, owner, path := newClient(t), testkit.Sleeper(t).Process.Pid, testkit.Directory(t)+"/a"
	before := claim(t, c, owner, "c=http::0", "udp::0")
	want := `directory "/nowhere/at" does not exist`
	claimed, err := claimAll(c, owner, testkit.Openings(t, "127.0.0.1:0", "unix::"+path, "/nowhere/at/all"))
	if err == nil || err.Error() != want {
		t.Errorf("got %+v, %v", claimed, err)
	}
	state := status(t, c)
	if len(state.Sockets) != 2 || state.Sockets[0].Opening.Addr != before.Openings[0].Addr ||
		state.Sockets[1].Opening.Addr != before.Openings[1].Addr || state.PID != before.PID {
		t.Errorf("a claim that fails leaves %+v", state)
	}
	if testkit.Exists(path) {
		t.Errorf("%q is left by a claim that fails", path)
	}
}

// waiting connects to a listener that nobody serves, and returns whether the connection is still in its queue: with the
// listener it would be reset.
func waiting(t *testing.T, o spec.Opening) (isThere func() bool) {
	t.Helper()
	conn, err := net.Dial("tcp", o.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func() bool {
		conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		_, err := conn.Read(make([]byte, 1))
		return errors.Is(err, os.ErrDeadlineExceeded)
	}
}

func TestTwoOwners(t *testing.T) {
	t.Parallel()
	c, one, two := newClient(t), testkit.Sleeper(t), testkit.Sleeper(t)
	first := claim(t, c, one.Process.Pid, "a=http::0")
	bound := first.Openings[0]
	again := claim(t, c, two.Process.Pid, "mine="+bound.Address())
	if again.Openings[0].Addr != bound.Addr || again.IsNew[0] || again.PID != first.PID {
		t.Fatalf("claimed is %+v", again)
	}
	checkOwners(t, c, one.Process.Pid, two.Process.Pid)
	testkit.End(one)
	testkit.Await(t, "one owner to be left", func() bool {
		state := status(t, c)
		return len(state.Sockets) == 1 && len(state.Sockets[0].Owners) == 1
	})
	left := checkOwners(t, c, two.Process.Pid)
	if left.Opening.Encode() != "mine=tcp::"+bound.Address() || !testkit.Listens(t, bound) {
		t.Errorf("left is %+v", left)
	}
	if err := c.Release(two.Process.Pid); err != nil {
		t.Error(err)
	}
	testkit.AwaitClosed(t, bound)
	isGone(t, c, first.PID)
}

// checkOwners returns the only socket that is kept, which has these owners.
func checkOwners(t *testing.T, c *client, want ...int) Kept {
	t.Helper()
	state := status(t, c)
	if len(state.Sockets) != 1 {
		t.Fatalf("the state is %+v", state)
	}
	var owners []int
	for _, p := range state.Sockets[0].Owners {
		owners = append(owners, p.PID)
	}
	if !slices.Equal(owners, want) {
		t.Errorf("the owners are %v, not %v", owners, want)
	}
	return state.Sockets[0]
}

// TestStatus: the state says where a holder was started, and who owns a socket since when.
func TestStatus(t *testing.T) {
	t.Parallel()
	here, err := workingDirectory()
	if err != nil {
		t.Fatal(err)
	}
	c, owner := newClient(t), testkit.Sleeper(t)
	claimed := claim(t, c, owner.Process.Pid, "0")
	state := status(t, c)
	if len(state.Sockets) != 1 || state.Directory != here || !c.IsHere(state) || state.PID != claimed.PID {
		t.Fatalf("the state is %+v", state)
	}
	got, want := state.Sockets[0], []process.Process{{PID: owner.Process.Pid, Name: "cat"}}
	if !slices.Equal(got.Owners, want) || got.Users != nil || got.Since.IsZero() {
		t.Errorf("the socket is %+v", got)
	}
}

// TestNothingIsLeft: a holder ends with its last claim. Then there is nothing to release, and nothing to stop.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	c, owner := newClient(t), testkit.Sleeper(t).Process.Pid
	claimed := claim(t, c, owner, "0")
	if err := c.Release(owner); err != nil {
		t.Error(err)
	}
	isGone(t, c, claimed.PID)
	if err := c.Release(owner); err != nil {
		t.Errorf("nothing to release: %v", err)
	}
	if _, err := c.Stop(nil); !errors.Is(err, ErrGone) {
		t.Errorf("nothing to stop: %v", err)
	}
	if c.WasStopped() {
		t.Error("a holder that has ended by itself was stopped")
	}
}

func checkRefused(t *testing.T, c *client, owner int, text, want string) {
	t.Helper()
	_, err := claimAll(c, owner, testkit.Openings(t, text))
	if err == nil || err.Error() != want || testkit.Hint(err) == "" {
		t.Errorf("%d claims %s: got %v, want %q", owner, text, err, want)
	}
}

// TestClaimRefusesOwner: only a process that lives owns sockets.
func TestClaimRefusesOwner(t *testing.T) {
	t.Parallel()
	c, dead := newClient(t), testkit.Sleeper(t)
	testkit.End(dead)
	claim(t, c, os.Getpid(), "0")
	for _, owner := range []int{dead.Process.Pid, 0, -1} {
		checkRefused(t, c, owner, "0", fmt.Sprintf("there is no process %d to own the sockets", owner))
	}
	checkOwners(t, c, os.Getpid())
}

// TestClaimRefuses what is in the way of the holder: at its control socket, or at the ports that it keeps.
func TestClaimRefuses(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	mine := claim(t, c, os.Getpid(), "0", "[::]:0")
	port, every := mine.Openings[0].Port(), mine.Openings[1].Port()
	inControlDirectory := filepath.Dir(c.control) + "/a"
	for text, want := range map[string]string{
		inControlDirectory:                 fmt.Sprintf("cannot open %q: that directory is for the control sockets of holders", "unix::"+inControlDirectory),
		fmt.Sprintf("0.0.0.0:%d", port):    fmt.Sprintf("0.0.0.0:%d is in use by 127.0.0.1:%d, which is kept open here", port, port),
		fmt.Sprintf("*:%d", port):          fmt.Sprintf("[::]:%d is in use by 127.0.0.1:%d, which is kept open here", port, port),
		fmt.Sprintf("127.0.0.1:%d", every): fmt.Sprintf("127.0.0.1:%d is in use by [::]:%d, which is kept open here", every, every),
	} {
		checkRefused(t, c, os.Getpid(), text, want)
	}
	if state := status(t, c); len(state.Sockets) != 2 || len(state.Sockets[0].Owners) != 1 || testkit.Exists(inControlDirectory) {
		t.Errorf("left are %+v", state)
	}
}

// TestClaimUndoes: if one of several sockets cannot be opened, none stays, and no directory that was made for it, and no holder.
func TestClaimUndoes(t *testing.T) {
	t.Parallel()
	c, dir := newClient(t), testkit.Directory(t)
	address, _ := taken(t)
	wanted := testkit.Openings(t, "unix::"+dir+"/a", "unix::"+dir+"/sub/b", address)
	wanted[1].MakeDirectories = true
	_, err := claimAll(c, os.Getpid(), wanted)
	failed, ok := errors.AsType[*socket.Error](err)
	if !ok || !errors.Is(err, unix.EADDRINUSE) || !strings.HasPrefix(failed.Error(), address+" is in use") {
		t.Errorf("got %v", err)
	}
	if entries, _ := filepath.Glob(dir + "/*"); len(entries) > 0 {
		t.Errorf("left are %q", entries)
	}
	testkit.Await(t, "the holder to end", func() bool { return !testkit.Exists(c.control) })
}

// TestLocalhost: a host name is looked up before anything is claimed.
func TestLocalhost(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	first := claim(t, c, os.Getpid(), "localhost:0")
	if got := first.Openings[0]; got.Host != "" || got.Addr.Addr().String() != "127.0.0.1" {
		t.Errorf("claimed is %+v", got)
	}
	if again := claim(t, c, os.Getpid(), "127.0.0.1:0"); again.IsNew[0] || again.Openings[0].Addr != first.Openings[0].Addr {
		t.Errorf("claimed again is %+v", again)
	}
}

// TestRelativePath claims paths below our working directory of a holder that works in another. It is not parallel: it
// sets the working directory.
func TestRelativePath(t *testing.T) {
	c, dir := newClient(t), testkit.Directory(t)
	claim(t, c, os.Getpid(), "0")
	t.Chdir(dir)
	claimed := claim(t, c, os.Getpid(), "unix::./a")
	if claimed.Openings[0].Path != dir+"/a" || !testkit.Listens(t, claimed.Openings[0]) {
		t.Errorf("claimed is %v", claimed.Openings)
	}
	if again := claim(t, c, os.Getpid(), "unix::"+dir+"/a"); again.IsNew[0] {
		t.Errorf("the same path is another socket: %v", again)
	}
	if c.IsHere(status(t, c)) {
		t.Error("the holder works elsewhere")
	}
	another := testkit.Directory(t)
	t.Chdir(another)
	claimed = claim(t, c, testkit.Sleeper(t).Process.Pid, "unix::./a")
	if !claimed.IsNew[0] || claimed.Openings[0].Path != another+"/a" {
		t.Errorf("the path of another directory is %v", claimed)
	}
}

// TestDescriptorsOfClaim: a claim leaves nothing open here, with or without an error. It is not parallel: it counts.
func TestDescriptorsOfClaim(t *testing.T) {
	c, dir := newClient(t), testkit.Directory(t)
	claim(t, c, os.Getpid(), "0")
	before := testkit.Descriptors(t)
	claim(t, c, os.Getpid(), "0", "udp::0", "unix::"+dir+"/a")
	claim(t, c, os.Getpid(), "0")
	if _, err := claimAll(c, os.Getpid(), testkit.Openings(t, "udp::0", "unix::"+dir+"/b/c")); err == nil {
		t.Error("there is no directory b")
	}
	if after := testkit.Descriptors(t); after != before {
		t.Errorf("%d descriptors, before %d", after, before)
	}
}
