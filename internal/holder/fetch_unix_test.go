//go:build unix

package holder

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// TestFetch fetches more sockets than a message has room for, in the names that are asked for.
func TestFetch(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	var own []socket.Socket
	var texts []string
	for i := range 2*socket.MaxRights + 1 {
		own = append(own, open(t, "a=0"))
		texts = append(texts, "b=http::"+own[i].Address())
	}
	if err := keepAll(c, os.Getpid(), own); err != nil {
		t.Fatal(err)
	}
	all, err := c.Fetch(testkit.Openings(t, texts...))
	if err != nil || len(all) != len(own) {
		t.Fatalf("fetched %d sockets, %v", len(all), err)
	}
	defer CloseFetched(all)
	for i, f := range all {
		checkFetched(t, f, own[i])
	}
}

// checkFetched checks a copy of our own socket, which TestFetch has asked for.
func checkFetched(t *testing.T, got Fetched, own socket.Socket) {
	t.Helper()
	if testkit.Inode(t, got.Socket.FD) != testkit.Inode(t, own.FD) || got.Socket.Addr != own.Addr {
		t.Fatalf("fetched is %+v, not %+v", got.Socket, own)
	}
	if !got.IsKept || got.Socket.Name != "b" || got.Socket.Type != "http" || got.Kept.Opening != own.Opening ||
		got.Owners[0].PID != os.Getpid() || got.Users != nil {
		t.Errorf("%s is fetched as %+v", own.Address(), got)
	}
	if flags, err := unix.FcntlInt(uintptr(got.Socket.FD), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("%s has flags %d, %v", own.Address(), flags, err)
	}
}

// fetches are the ways to fetch, by name.
var fetches = map[string]func(c *client, wanted []spec.Opening) ([]Fetched, error){
	"Fetch": (*client).Fetch,
	"Look":  (*client).Look,
	"Use":   (*client).Use,
}

// TestFetchOfWhatIsMissing: each opening has its answer, and no socket is passed twice.
func TestFetchOfWhatIsMissing(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	bound := claim(t, c, os.Getpid(), "a=0").Openings[0]
	wanted := testkit.Openings(t, "127.0.0.1:1", bound.Address(), bound.Address(), "udp::"+bound.Address())
	for name, fetch := range fetches {
		all, err := fetch(c, wanted)
		if err != nil || len(all) != 4 {
			t.Fatalf("%s: %+v, %v", name, all, err)
		}
		for i, f := range all {
			if f.IsKept != (i == 1) || (f.Socket.FD > 0) != (i == 1 && name != "Use") || f.IsKept && f.Kept.Opening != bound {
				t.Errorf("%s: answer %d is %+v", name, i, f)
			}
		}
		CloseFetched(all)
	}
	if all, err := c.Fetch(nil); err != nil || all != nil {
		t.Errorf("of nothing: %v, %v", all, err)
	}
}

// user is another process that has fetched sockets, until it is ended.
func user(t *testing.T, c *client, bound ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], bound...)
	cmd.Env = append(os.Environ(), userVariable+"="+c.control)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		testkit.End(cmd)
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil && err != io.EOF || line != "fetched 1\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	return cmd
}

// usersOf fetches sockets, and returns the users of each.
func usersOf(t *testing.T, c *client, bound []spec.Opening) (users [][]process.Process) {
	t.Helper()
	all, err := c.Fetch(bound)
	if err != nil {
		t.Fatal(err)
	}
	defer CloseFetched(all)
	for _, f := range all {
		users = append(users, f.Users)
	}
	return users
}

// TestFetchNamesUsers: others that have fetched a socket are named for that one, and for no other, until they end.
func TestFetchNamesUsers(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	bound := claim(t, c, os.Getpid(), "0", "0").Openings
	other := user(t, c, bound[1].Encode())
	want := process.Process{PID: other.Process.Pid, Name: process.Name(other.Process.Pid)}
	for range 2 { // we are a user, too, and need not be told
		if got := usersOf(t, c, bound); got[0] != nil || !slices.Equal(got[1], []process.Process{want}) || want.Name == "" {
			t.Errorf("the users are %v", got)
		}
	}
	state := status(t, c)
	if got := state.Sockets; len(got[0].Users) != 1 || got[0].Users[0].PID != os.Getpid() || len(got[1].Users) != 2 {
		t.Errorf("the state is %+v", state)
	}
	testkit.End(other)
	testkit.Await(t, "the user to be forgotten", func() bool { return usersOf(t, c, bound)[1] == nil })
}

// TestAncestorsAreNoUsers: a process that has started us is a launcher, not a server.
func TestAncestorsAreNoUsers(t *testing.T) {
	t.Parallel()
	if process.Parent(os.Getpid()) == 0 {
		t.Skip("this system does not tell parents")
	}
	c := newClient(t)
	bound := claim(t, c, os.Getpid(), "0").Openings
	all, err := c.Fetch(bound) // now we are a user, and the ancestor of the next
	if err != nil {
		t.Fatal(err)
	}
	CloseFetched(all)
	cmd := exec.Command(os.Args[0], bound[0].Encode())
	cmd.Env = append(os.Environ(), userVariable+"="+c.control)
	output, err := cmd.Output() // its standard input is at the end
	if err != nil || string(output) != "fetched 1\nused by []\n" {
		t.Errorf("our child says %q, %v", output, err)
	}
}

// TestUserIsOwner: a server that has fetched keeps its socket when the shell is closed.
func TestUserIsOwner(t *testing.T) {
	t.Parallel()
	c, shell, path := newClient(t), testkit.Sleeper(t), testkit.Directory(t)+"/a"
	claimed := claim(t, c, shell.Process.Pid, "0", path)
	server := user(t, c, "unix::"+path)
	testkit.End(shell)
	testkit.AwaitClosed(t, claimed.Openings[0])
	kept := checkOwners(t, c)
	if len(kept.Users) != 1 || kept.Users[0].PID != server.Process.Pid || !testkit.Listens(t, claimed.Openings[1]) {
		t.Errorf("kept is %+v", kept)
	}
	testkit.End(server)
	isGone(t, c, claimed.PID)
	if testkit.Exists(path) {
		t.Error("the path is left")
	}
}

// TestDescriptorsOfFetch: copies are the caller's, and nothing else stays open. It is not parallel: it counts.
func TestDescriptorsOfFetch(t *testing.T) {
	c := newClient(t)
	bound := claim(t, c, os.Getpid(), "0", "udp::0").Openings
	before := testkit.Descriptors(t)
	for _, fetch := range fetches {
		all, err := fetch(c, bound)
		if err != nil {
			t.Fatal(err)
		}
		CloseFetched(all)
		status(t, c)
	}
	if after := testkit.Descriptors(t); after != before {
		t.Errorf("%d descriptors, before %d", after, before)
	}
}
