//go:build unix

package daemon

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/testkit"
)

// fetched has a conversation of one fetch, and returns the descriptors, too.
func fetched(t *testing.T, control string, pass bool, bound ...string) (a wire.Answer, fds []int) {
	t.Helper()
	c := connect(t, control)
	defer c.close()
	c.ask(wire.Request{Op: wire.Fetch, Openings: bound, Pass: pass})
	a = c.answer()
	fds, err := c.Descriptors(a.Descriptors)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.CloseAll(fds) })
	c.ends()
	if rest := c.Rest(); len(rest) > 0 {
		t.Errorf("behind the descriptors come %v", rest)
	}
	return a, fds
}

// usersOf fetches, and returns who else has fetched each socket.
func usersOf(t *testing.T, control string, bound ...string) (users [][]int) {
	t.Helper()
	a, _ := fetched(t, control, true, bound...)
	for _, found := range a.Found {
		users = append(users, found.Users)
	}
	return users
}

// TestFetch fetches more sockets than a message has room for.
func TestFetch(t *testing.T) {
	t.Parallel()
	s, owner := serving(t), testkit.Sleeper(t).Process.Pid
	bound := claimed(t, s.path, owner, slices.Repeat([]string{"0"}, 2*socket.MaxRights+1)...)
	kept := s.addresses(t)
	a, fds := fetched(t, s.path, true, bound...)
	if len(fds) != len(bound) || len(a.Found) != len(bound) || a.PID != os.Getpid() {
		t.Fatalf("got %d descriptors, and %d found", len(fds), len(a.Found))
	}
	for i, fd := range fds {
		isKept := testkit.Inode(t, fd) == kept[parsed(t, bound[i]).Address()]
		if got := a.Found[i]; !isKept || got.Bound != bound[i] || !slices.Equal(got.Owners, []int{owner}) || got.Users != nil {
			t.Errorf("socket %d is %+v", i, got)
		}
	}
	if a.Names[owner] != "cat" || len(a.Names) != 1 {
		t.Errorf("the names are %v", a.Names)
	}
}

func TestFetchOfWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := serving(t)
	bound := claimed(t, s.path, process.Init, "a=0", "0")
	for _, pass := range []bool{true, false} {
		a, fds := fetched(t, s.path, pass, "tcp::127.0.0.1:1", bound[1], bound[1], "udp::"+parsed(t, bound[0]).Address())
		if len(a.Found) != 4 || a.Found[0] != nil || a.Found[1] == nil || a.Found[2] != nil || a.Found[3] != nil {
			t.Errorf("found %+v", a.Found)
		}
		if want := map[bool]int{true: 1, false: 0}[pass]; len(fds) != want || a.Descriptors != want {
			t.Errorf("passed %v: got %v", pass, fds)
		}
	}
	if a, fds := fetched(t, s.path, true); a.Found != nil || fds != nil {
		t.Errorf("of nothing: %+v, %v", a.Found, fds)
	}
	state := asked(t, s.path, wire.Request{Op: wire.Status})
	if state.Sockets[0].Users != nil || !slices.Equal(state.Sockets[1].Users, []int{os.Getpid()}) {
		t.Errorf("the users are %v and %v", state.Sockets[0].Users, state.Sockets[1].Users)
	}
}

// usedBy has another process fetch: s cannot be asked in its name over a connection.
func (s *server) usedBy(t *testing.T, pid int, bound string) {
	t.Helper()
	a, fds, err := s.take(testkit.Openings(t, bound), pid, false)
	if err != nil || fds != nil || a.Found[0] == nil {
		t.Fatalf("got %+v, %v, %v", a, fds, err)
	}
}

// TestDescriptorsOfFetch: the holder keeps no copies of what it passes, nor of what it fails to pass. It is not parallel:
// it counts.
func TestDescriptorsOfFetch(t *testing.T) {
	before := testkit.Descriptors(t)
	t.Run("fetch", func(t *testing.T) {
		s, dead := serving(t), testkit.Sleeper(t)
		bound := claimed(t, s.path, process.Init, slices.Repeat([]string{"0"}, 20)...)
		for range 3 {
			fetched(t, s.path, true, bound...)
		}
		testkit.End(dead)
		if _, fds, err := s.take(testkit.Openings(t, bound...), dead.Process.Pid, true); err == nil {
			t.Errorf("a dead process has fetched %v", fds)
		} else {
			socket.CloseAll(fds)
		}
	})
	testkit.Await(t, "all descriptors to be closed", func() bool { return testkit.Descriptors(t) <= before })
}

// TestFetchNamesUsers: a process that has fetched a socket is a user of that socket, and of no other, until it ends.
func TestFetchNamesUsers(t *testing.T) {
	t.Parallel()
	s, other := serving(t), testkit.Sleeper(t)
	bound := claimed(t, s.path, process.Init, "0", "0")
	s.usedBy(t, other.Process.Pid, bound[1])
	s.usedBy(t, other.Process.Pid, bound[1])
	for range 2 { // and whoever asks is told of others
		if got := usersOf(t, s.path, bound...); got[0] != nil || !slices.Equal(got[1], []int{other.Process.Pid}) {
			t.Errorf("the users are %v", got)
		}
	}
	a, _ := fetched(t, s.path, true, bound...)
	if a.Names[other.Process.Pid] != "cat" {
		t.Errorf("the names are %v", a.Names)
	}
	testkit.End(other)
	testkit.Await(t, "the user to be forgotten", func() bool { return usersOf(t, s.path, bound...)[1] == nil })
	state := asked(t, s.path, wire.Request{Op: wire.Status})
	for i, got := range state.Sockets {
		if !slices.Equal(got.Users, []int{os.Getpid()}) || got.Bound != bound[i] {
			t.Errorf("socket %d is %+v", i, got)
		}
	}
}

// TestUserIsOwner: a server never loses its path or its port because a shell was closed.
func TestUserIsOwner(t *testing.T) {
	t.Parallel()
	s, shell, server, dir := serving(t), testkit.Sleeper(t), testkit.Sleeper(t), testkit.Directory(t)
	bound := claimed(t, s.path, shell.Process.Pid, "0", dir+"/used", dir+"/unused")
	s.usedBy(t, server.Process.Pid, bound[0])
	s.usedBy(t, server.Process.Pid, "unix::"+dir+"/used")
	testkit.End(shell)
	testkit.Await(t, "what nobody uses to be closed", func() bool { return !testkit.Exists(dir + "/unused") })
	state := asked(t, s.path, wire.Request{Op: wire.Status})
	if len(state.Sockets) != 2 || !testkit.Listens(t, parsed(t, bound[0])) || !testkit.Exists(dir+"/used") {
		t.Fatalf("the state is %+v", state)
	}
	for _, got := range state.Sockets {
		if got.Owners != nil || !slices.Equal(got.Users, []int{server.Process.Pid}) {
			t.Errorf("%s is owned by %v and used by %v", got.Bound, got.Owners, got.Users)
		}
	}
	testkit.End(server)
	s.isOver(t)
	if testkit.Exists(dir + "/used") {
		t.Error("the path is left")
	}
}

// TestUsedIsClaimedAgain: a claim of sockets that only a server uses gets the same sockets. Its end does not close them.
func TestUsedIsClaimedAgain(t *testing.T) {
	t.Parallel()
	s, shell, server, path := serving(t), testkit.Sleeper(t), testkit.Sleeper(t), testkit.Directory(t)+"/used"
	bound := claimed(t, s.path, shell.Process.Pid, "0", path)
	s.usedBy(t, server.Process.Pid, bound[0])
	s.usedBy(t, server.Process.Pid, "unix::"+path)
	testkit.End(shell)
	s.await(t, "the shell to be forgotten", func() bool { return len(s.ledger.claims) == 1 })
	again := claimed(t, s.path, os.Getpid(), "0", path)
	if parsed(t, again[0]).Addr != parsed(t, bound[0]).Addr || len(s.addresses(t)) != 2 {
		t.Errorf("claimed again is %v, not %v", again, bound)
	}
	asked(t, s.path, wire.Request{Op: wire.Release, Owner: os.Getpid()})
	if !testkit.Listens(t, parsed(t, bound[0])) {
		t.Error("the server has lost its port")
	}
	testkit.End(server)
	s.isOver(t)
}

// TestUserCannotBeWatched: then nothing is passed.
func TestUserCannotBeWatched(t *testing.T) {
	t.Parallel()
	s, dead := serving(t), testkit.Sleeper(t)
	testkit.End(dead)
	bound := claimed(t, s.path, process.Init, "0")
	_, fds, err := s.take(testkit.Openings(t, bound...), dead.Process.Pid, true)
	socket.CloseAll(fds)
	if err == nil || err.Error() != fmt.Sprintf("cannot watch process %d: no such process", dead.Process.Pid) {
		t.Errorf("got %v", err)
	}
	s.locked(func() {
		if len(s.watches) != 1 || len(s.ledger.claims) != 1 {
			t.Errorf("watched are %v for %v", s.watches, s.ledger.claims)
		}
	})
}

// TestWaiting: the state has the length of a listener's queue, if the system tells.
func TestWaiting(t *testing.T) {
	t.Parallel()
	s := serving(t)
	bound := claimed(t, s.path, process.Init, "0", "udp::0")
	state := asked(t, s.path, wire.Request{Op: wire.Status})
	if state.Sockets[0].Waiting < 0 {
		t.Skip("this system does not tell")
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	at := parsed(t, bound[0]).Addr
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}); err != nil {
		t.Fatal(err)
	}
	testkit.Await(t, "one connection to wait", func() bool {
		state := asked(t, s.path, wire.Request{Op: wire.Status})
		return state.Sockets[0].Waiting == 1 && state.Sockets[1].Waiting == -1
	})
}
