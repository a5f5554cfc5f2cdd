//go:build unix

package daemon

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/testkit"
)

func TestClaim(t *testing.T) {
	t.Parallel()
	s, owner, path := serving(t), testkit.Sleeper(t).Process.Pid, testkit.Directory(t)+"/a"
	texts := []string{"a=http::0", "udp::0", "unix::" + path}
	c := connect(t, s.path)
	a := c.claim(owner, texts...)
	if a.PID != os.Getpid() || a.Directory != "/where" || a.Busy || !slices.Equal(a.Bound, []string{"", "", ""}) || a.Kept != nil {
		t.Errorf("a new holder has %+v", a)
	}
	opened := open(t, texts...)
	c.store(opened...)
	if a := c.answer(); a.PID != os.Getpid() {
		t.Errorf("the end of the claim is %+v", a)
	}
	c.ends()
	forget(opened)
	s.saysOwned(t, owner, opened)
	s.closesOnExec(t)
}

// saysOwned checks that a holder says of what was just opened, and of nothing else, that it is kept for one owner.
func (s *server) saysOwned(t *testing.T, owner int, opened []*socket.Socket) {
	t.Helper()
	state := asked(t, s.path, wire.Request{Op: wire.Status})
	if len(state.Sockets) != len(opened) || state.Names[owner] != "cat" || state.PID != os.Getpid() || state.Directory != "/where" {
		t.Fatalf("the state is %+v", state)
	}
	for i, got := range state.Sockets {
		isNew := time.Since(time.Unix(got.Since, 0)) <= testkit.Patience
		if got.Bound != opened[i].Encode() || !slices.Equal(got.Owners, []int{owner}) || got.Users != nil || !isNew {
			t.Errorf("socket %d is %+v, not %s", i, got, opened[i].Encode())
		}
	}
}

// closesOnExec checks that nothing that is kept leaks into a child.
func (s *server) closesOnExec(t *testing.T) {
	t.Helper()
	s.locked(func() {
		for n, k := range s.kept {
			if flags, err := unix.FcntlInt(uintptr(k.fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("descriptor of item %d has flags %d, %v", n, flags, err)
			}
		}
	})
}

// TestSameClaim changes nothing.
func TestSameClaim(t *testing.T) {
	t.Parallel()
	s, owner, path := serving(t), testkit.Sleeper(t).Process.Pid, testkit.Directory(t)+"/a"
	texts := []string{"a=0", "b=tcp::0", "unix::" + path}
	bound := claimed(t, s.path, owner, texts...)
	before := s.addresses(t)
	if len(before) != len(texts) {
		t.Fatalf("bound %v, kept %v", bound, before)
	}
	again := claimed(t, s.path, owner, texts...)
	for i := range texts {
		if parsed(t, again[i]).Address() != parsed(t, bound[i]).Address() {
			t.Errorf("the same claim gives %v, then %v", bound, again)
		}
	}
	if after := s.addresses(t); !maps.Equal(after, before) {
		t.Errorf("kept %v, then %v", before, after)
	}
}

func TestClaimChanges(t *testing.T) {
	t.Parallel()
	s, owner, path := serving(t), testkit.Sleeper(t).Process.Pid, testkit.Directory(t)+"/a"
	bound := claimed(t, s.path, owner, "a=0", "b=tcp::0", "unix::"+path)
	before := s.addresses(t)
	stays := parsed(t, bound[1]).Address()
	changed := claimed(t, s.path, owner, "c="+stays, "http::127.0.0.2:0")
	if after := s.addresses(t); len(after) != 2 || after[stays] != before[stays] {
		t.Errorf("kept %v, then %v; %s was to stay", before, after, stays)
	}
	if testkit.Exists(path) {
		t.Errorf("%q is claimed no more, and stays", path)
	}
	testkit.AwaitClosed(t, parsed(t, bound[0]))
	state := asked(t, s.path, wire.Request{Op: wire.Status})
	if got := state.Sockets; len(got) != 2 || got[0].Bound != "c=tcp::"+stays || got[1].Bound != changed[1] {
		t.Errorf("the state is %+v, after %v", state, changed)
	}
	if claimed(t, s.path, owner); len(s.addresses(t)) > 0 {
		t.Errorf("of nothing there is %v", s.addresses(t))
	}
}

// TestHaveSaysAll: the answer has the bound forms with their options, without names, and everything that is kept, for all owners.
func TestHaveSaysAll(t *testing.T) {
	t.Parallel()
	s, path := serving(t), testkit.Directory(t)+"/a"
	mine := claimed(t, s.path, testkit.Sleeper(t).Process.Pid, "a=http::0", "a=unix::"+path)
	theirs := claimed(t, s.path, testkit.Sleeper(t).Process.Pid, "tcp::127.0.0.2:0", "udp::0")
	c := connect(t, s.path)
	a := c.claim(process.Init, "unix::"+path, "1", "b=0", "0")
	nameless := func(bound string) string { return strings.TrimPrefix(strings.TrimPrefix(bound, "a="), "tcp=") }
	want := []string{nameless(mine[1]), "", nameless(mine[0]), ""}
	if !slices.Equal(a.Bound, want) || !strings.HasSuffix(want[0], "~mode="+modeOf(t, path)) {
		t.Errorf("have %q, want %q", a.Bound, want)
	}
	if want := []string{nameless(mine[0]), nameless(mine[1]), nameless(theirs[0]), strings.TrimPrefix(theirs[1], "udp=")}; !slices.Equal(a.Kept, want) {
		t.Errorf("kept are %q, want %q", a.Kept, want)
	}
}

func modeOf(t *testing.T, path string) string {
	t.Helper()
	stat, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%04o", stat.Mode().Perm())
}

// TestOptionsComeBack stores a socket that was opened with options.
func TestOptionsComeBack(t *testing.T) {
	t.Parallel()
	s := serving(t)
	opened := open(t, "0")
	opened[0].Backlog, opened[0].NoDelay = 7, true
	c := connect(t, s.path)
	c.ask(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: []string{"tcp::127.0.0.1:0~backlog=7~no-delay"}})
	c.answer()
	c.store(opened...)
	c.answer()
	c = connect(t, s.path)
	c.ask(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: []string{"tcp::127.0.0.1:0"}})
	if a := c.answer(); a.Bound[0] != fmt.Sprintf("tcp::%s~backlog=7~no-delay", opened[0].Address()) {
		t.Errorf("got %q", a.Bound)
	}
}

// TestOwnerEnds: a socket without a claim is closed and its path removed. With the last claim the holder ends.
func TestOwnerEnds(t *testing.T) {
	t.Parallel()
	s, one, two, dir := serving(t), testkit.Sleeper(t), testkit.Sleeper(t), testkit.Directory(t)
	bound := claimed(t, s.path, one.Process.Pid, "0", dir+"/one")
	claimed(t, s.path, two.Process.Pid, parsed(t, bound[0]).Address(), dir+"/two")
	testkit.End(one)
	testkit.Await(t, "the path to go", func() bool { return !testkit.Exists(dir + "/one") })
	if got := s.addresses(t); len(got) != 2 || got[parsed(t, bound[0]).Address()] == 0 || !testkit.Exists(dir+"/two") {
		t.Errorf("kept are %v", got)
	}
	testkit.End(two)
	s.isOver(t)
	if testkit.Exists(dir + "/two") {
		t.Error("a path is left")
	}
	testkit.AwaitClosed(t, parsed(t, bound[0]))
}

// TestRelease: without an owner there is nothing to release, and the last one ends the holder.
func TestRelease(t *testing.T) {
	t.Parallel()
	s := serving(t)
	one, two := testkit.Sleeper(t).Process.Pid, testkit.Sleeper(t).Process.Pid
	bound := claimed(t, s.path, one, "0")
	claimed(t, s.path, two, "0")
	asked(t, s.path, wire.Request{Op: wire.Release, Owner: process.Init})
	asked(t, s.path, wire.Request{Op: wire.Release, Owner: one})
	asked(t, s.path, wire.Request{Op: wire.Release, Owner: one})
	if got := s.addresses(t); len(got) != 1 || !testkit.Listens(t, parsed(t, bound[0])) {
		t.Errorf("kept are %v", got)
	}
	asked(t, s.path, wire.Request{Op: wire.Release, Owner: two})
	s.isOver(t)
	testkit.AwaitClosed(t, parsed(t, bound[0]))
}

// endings are the ends of a claim, whose owner is cmd.
var endings = map[string]func(t *testing.T, s *server, cmd *exec.Cmd){
	"its owner ends": func(_ *testing.T, _ *server, cmd *exec.Cmd) { testkit.End(cmd) },
	"it is released": func(t *testing.T, s *server, cmd *exec.Cmd) {
		asked(t, s.path, wire.Request{Op: wire.Release, Owner: cmd.Process.Pid})
	},
	"its claim is dropped": func(_ *testing.T, s *server, cmd *exec.Cmd) {
		s.locked(func() { s.release(s.ledger.current[party{cmd.Process.Pid, owner}]) })
	},
}

// TestStaysOpenMeanwhile: a socket that have named stays open until the conversation ends, even if its owner ends.
func TestStaysOpenMeanwhile(t *testing.T) {
	t.Parallel()
	for name, end := range endings {
		for _, isStored := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, stored %v", name, isStored), func(t *testing.T) {
				t.Parallel()
				checkStaysOpen(t, end, isStored)
			})
		}
	}
}

func checkStaysOpen(t *testing.T, end func(t *testing.T, s *server, cmd *exec.Cmd), isStored bool) {
	s, cmd, path := serving(t), testkit.Sleeper(t), testkit.Directory(t)+"/a"
	bound := claimed(t, s.path, cmd.Process.Pid, "0", path)
	before := s.addresses(t)
	c := connect(t, s.path)
	c.claim(os.Getpid(), "0", path)
	end(t, s, cmd)
	s.await(t, "the owner to be forgotten", func() bool { return len(s.ledger.claims) == 1 })
	if got := s.addresses(t); !maps.Equal(got, before) || !testkit.Listens(t, parsed(t, bound[0])) || !testkit.Exists(path) {
		t.Errorf("kept are %v of %v", got, before)
	}
	if isStored {
		c.store()
		if h := c.header(); h.Error != "" || !maps.Equal(s.addresses(t), before) {
			t.Errorf("%s; kept are %v of %v", h.Error, s.addresses(t), before)
		}
		return
	}
	c.close()
	s.isOver(t)
	testkit.AwaitClosed(t, parsed(t, bound[0]))
	if testkit.Exists(path) {
		t.Error("the path is left")
	}
}

// TestOwnerCannotBeWatched: the claim fails, and leaves nothing.
func TestOwnerCannotBeWatched(t *testing.T) {
	t.Parallel()
	dead := testkit.Sleeper(t)
	testkit.End(dead)
	for name, pid := range map[string]int{"it has ended": dead.Process.Pid, "0": 0, "negative": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, path := serving(t), testkit.Directory(t)+"/a"
			c := connect(t, s.path)
			c.claim(pid, "0", path)
			opened := open(t, "0", path)
			c.store(opened...)
			if h := c.header(); h.Error != fmt.Sprintf("cannot watch process %d: no such process", pid) || h.Hint == "" {
				t.Errorf("refused: %+v", h)
			}
			c.ends()
			s.isOver(t)
			if !testkit.Exists(path) { // the client's to remove
				t.Error("the path is gone")
			}
			forget(opened)
			testkit.AwaitClosed(t, parsed(t, opened[0].Encode()))
		})
	}
}

// replacements put something else at a path.
var replacements = map[string]func(path string) error{
	"by a socket":    func(path string) error { return testkit.DeadSocket(path, unix.SOCK_STREAM) },
	"by a file":      func(path string) error { return os.WriteFile(path, []byte("mine"), 0o600) },
	"by a link":      func(path string) error { return os.Symlink(path+".was", path) },
	"by a directory": func(path string) error { return os.Mkdir(path, 0o700) },
}

// TestPathOfKeptSocketIsReplaced: a file that replaces the path belongs to somebody else, and stays.
func TestPathOfKeptSocketIsReplaced(t *testing.T) {
	t.Parallel()
	for name, replace := range replacements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, path := serving(t), testkit.Directory(t)+"/a"
			claimed(t, s.path, process.Init, path)
			if err := os.Rename(path, path+".was"); err != nil {
				t.Fatal(err)
			}
			if err := replace(path); err != nil {
				t.Fatal(err)
			}
			asked(t, s.path, wire.Request{Op: wire.Release, Owner: process.Init})
			s.isOver(t)
			if entries, _ := filepath.Glob(path + "*"); len(entries) != 2 {
				t.Errorf("left are only %v", entries)
			}
		})
	}
}

// TestInheritedPathStays: the holder does not remove the path of a socket that was not opened for it.
func TestInheritedPathStays(t *testing.T) {
	t.Parallel()
	s, path := serving(t), testkit.Directory(t)+"/a"
	opened := open(t, path)
	c := connect(t, s.path)
	c.claim(process.Init, path)
	c.send([]int{opened[0].FD}, wire.Store{Sockets: []wire.Stored{{Bound: opened[0].Encode()}}})
	c.answer()
	asked(t, s.path, wire.Request{Op: wire.Release, Owner: process.Init})
	s.isOver(t)
	if !testkit.Exists(path) {
		t.Error("it is gone")
	}
}
