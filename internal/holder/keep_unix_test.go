//go:build unix

package holder

import (
	"fmt"
	"os"
	"testing"

	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/testkit"
)

// TestKeep hands sockets to a holder that go on to be ours, too; it removes only the path that was made by opening one.
func TestKeep(t *testing.T) {
	t.Parallel()
	c, dir, owner := client(t), testkit.Directory(t), testkit.Sleeper(t)
	opened, inherited := open(t, dir+"/opened"), open(t, dir+"/inherited")
	port := open(t, "a=http::0")
	sockets := []socket.Socket{opened, {FD: inherited.FD, Name: "b", Opening: inherited.Opening}, port}
	keep := func(owner int) error {
		var err error
		umaskKept(func() { err = c.Keep(owner, sockets) })
		return err
	}
	if err := keep(owner.Process.Pid); err != nil {
		t.Fatal(err)
	}
	state := status(t, c)
	if len(state.Sockets) != 3 || state.Sockets[2].Opening != port.Opening || state.Sockets[2].Owners[0].PID != owner.Process.Pid || state.Sockets[0].Users != nil {
		t.Errorf("kept are %+v", state)
	}
	for _, s := range sockets {
		if !testkit.Listens(t, s.Opening) {
			t.Errorf("nobody listens at %s", s.Address())
		}
	}
	fetched, err := c.Fetch(append(testkit.Openings(t, "unix::"+dir+"/inherited"), port.Opening))
	if err != nil || testkit.Inode(t, fetched[0].Socket.FD) != testkit.Inode(t, inherited.FD) || testkit.Inode(t, fetched[1].Socket.FD) != testkit.Inode(t, port.FD) {
		t.Errorf("fetched %+v, %v", fetched, err)
	}
	CloseFetched(fetched)

	if err := keep(owner.Process.Pid); err != nil || len(status(t, c).Sockets) != 3 {
		t.Errorf("kept again are %+v, %v", status(t, c), err)
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	if testkit.Exists(dir+"/opened") || !testkit.Exists(dir+"/inherited") {
		t.Errorf("left are the path that was opened: %v, and the inherited one: %v", testkit.Exists(dir+"/opened"), testkit.Exists(dir+"/inherited"))
	}
	if !testkit.Listens(t, port.Opening) {
		t.Error("our own is closed")
	}
}

// TestKeepFails: what was open before stays open, and its path stays.
func TestKeepFails(t *testing.T) {
	t.Parallel()
	c, dir, dead := client(t), testkit.Directory(t), testkit.Sleeper(t)
	opened := open(t, dir+"/opened")
	testkit.End(dead)
	if err := c.Keep(dead.Process.Pid, []socket.Socket{opened}); err == nil {
		t.Error("a dead process owns it")
	}
	lie := opened
	lie.Path = dir + "/elsewhere"
	var err error
	umaskKept(func() { err = c.Keep(os.Getpid(), []socket.Socket{lie}) })
	if want := fmt.Sprintf("the descriptor for %s/elsewhere is %s/opened (unix listener)", dir, dir); err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	if !testkit.Listens(t, opened.Opening) || !testkit.Exists(dir+"/opened") {
		t.Error("it is closed")
	}
	testkit.Await(t, "the holder to end", func() bool { return !testkit.Exists(c.control) })
}
