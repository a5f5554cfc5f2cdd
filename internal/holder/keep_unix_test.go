//go:build unix

package holder

import (
	"fmt"
	"os"
	"testing"

	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// ownSockets are open here: at a path that was made by opening it, at an inherited path, and at a port.
func ownSockets(t *testing.T, dir string) []socket.Socket {
	t.Helper()
	opened, inherited := open(t, dir+"/opened"), open(t, dir+"/inherited")
	return []socket.Socket{opened, {FD: inherited.FD, Name: "b", Opening: inherited.Opening}, open(t, "a=http::0")}
}

// TestKeep hands sockets to a holder that go on to be ours, too.
func TestKeep(t *testing.T) {
	t.Parallel()
	c, dir, owner := newClient(t), testkit.Directory(t), testkit.Sleeper(t).Process.Pid
	sockets := ownSockets(t, dir)
	inherited, port := sockets[1], sockets[2]
	if err := keepAll(c, owner, sockets); err != nil {
		t.Fatal(err)
	}
	kept := status(t, c).Sockets
	if len(kept) != 3 || kept[2].Opening != port.Opening || kept[2].Owners[0].PID != owner || kept[0].Users != nil {
		t.Errorf("kept are %+v", kept)
	}
	for _, s := range sockets {
		if !testkit.Listens(t, s.Opening) {
			t.Errorf("nobody listens at %s", s.Address())
		}
	}
	fetched, err := c.Fetch(append(testkit.Openings(t, "unix::"+dir+"/inherited"), port.Opening))
	if err != nil || testkit.Inode(t, fetched[0].Socket.FD) != testkit.Inode(t, inherited.FD) ||
		testkit.Inode(t, fetched[1].Socket.FD) != testkit.Inode(t, port.FD) {
		t.Errorf("fetched %+v, %v", fetched, err)
	}
	CloseFetched(fetched)
}

// TestAdd: what is added to a claim takes nothing from it. The next claim replaces both.
func TestAdd(t *testing.T) {
	t.Parallel()
	c, owner := newClient(t), testkit.Sleeper(t).Process.Pid
	claimed, err := c.Claim(owner, testkit.Openings(t, "a=0", "b=0"))
	if err != nil {
		t.Fatal(err)
	}
	a, b := claimed.Openings[0], claimed.Openings[1]
	if claimed, err = c.Add(owner, append(testkit.Openings(t, "c=0"), b)); err != nil || claimed.Openings[1] != b {
		t.Errorf("added are %+v, %v", claimed, err)
	}
	if !testkit.Listens(t, a) || !testkit.Listens(t, b) || !testkit.Listens(t, claimed.Openings[0]) {
		t.Errorf("kept are %+v", status(t, c).Sockets)
	}
	if _, err := c.Claim(owner, []spec.Opening{a}); err != nil || len(status(t, c).Sockets) != 1 {
		t.Errorf("after a claim, kept are %+v, %v", status(t, c).Sockets, err)
	}
}

// TestStopAfterKeep: the holder removes only the path that was made by opening one.
func TestStopAfterKeep(t *testing.T) {
	t.Parallel()
	c, dir, owner := newClient(t), testkit.Directory(t), testkit.Sleeper(t).Process.Pid
	sockets := ownSockets(t, dir)
	for range 2 { // to keep them again changes nothing
		if err := keepAll(c, owner, sockets); err != nil || len(status(t, c).Sockets) != 3 {
			t.Errorf("kept are %+v, %v", status(t, c), err)
		}
	}
	if _, err := c.Stop(nil); err != nil {
		t.Error(err)
	}
	if isOpened, isInherited := testkit.Exists(dir+"/opened"), testkit.Exists(dir+"/inherited"); isOpened || !isInherited {
		t.Errorf("left are the path that was opened: %v, and the inherited one: %v", isOpened, isInherited)
	}
	if !testkit.Listens(t, sockets[2].Opening) {
		t.Error("our own is closed")
	}
}

// TestKeepFails: sockets that were open before stay open, and their paths stay.
func TestKeepFails(t *testing.T) {
	t.Parallel()
	c, dir, dead := newClient(t), testkit.Directory(t), testkit.Sleeper(t)
	opened := open(t, dir+"/opened")
	testkit.End(dead)
	if err := c.Keep(dead.Process.Pid, []socket.Socket{opened}); err == nil {
		t.Error("a dead process owns it")
	}
	lie := opened
	lie.Path = dir + "/elsewhere"
	err := keepAll(c, os.Getpid(), []socket.Socket{lie})
	if want := fmt.Sprintf("the descriptor for %s/elsewhere is %s/opened (unix listener)", dir, dir); err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	if !testkit.Listens(t, opened.Opening) || !testkit.Exists(dir+"/opened") {
		t.Error("it is closed")
	}
	testkit.Await(t, "the holder to end", func() bool { return !testkit.Exists(c.control) })
}
