//go:build unix

package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// started is a holder of its own, in another process: this program.
func started(t *testing.T) (path string) {
	t.Helper()
	return startedIn(t, "/where")
}

func startedIn(t *testing.T, dir string) (path string) {
	t.Helper()
	opened := control(t)
	if err := Start(opened.FD, opened.Path, dir); err != nil {
		t.Fatal(err)
	}
	opened.Forget()
	return opened.Path
}

// keeping is one that keeps a socket for this process.
func keeping(t *testing.T) (pid int, path string) {
	t.Helper()
	path = started(t)
	claimed(t, path, os.Getpid(), "0")
	return pidOf(t, path), path
}

// pidOf asks a holder.
func pidOf(t *testing.T, control string) int {
	t.Helper()
	pid := asked(t, control, wire.Request{Op: wire.Status}).PID
	t.Cleanup(func() { unix.Kill(pid, unix.SIGKILL) })
	return pid
}

// stops ends a holder.
func stops(t *testing.T, pid int, control string) {
	t.Helper()
	asked(t, control, wire.Request{Op: wire.Stop})
	dies(t, pid, control)
}

// dies waits until a holder has ended, and checks that its control socket is gone.
func dies(t *testing.T, pid int, control string) {
	t.Helper()
	testkit.Await(t, "the holder to end", func() bool { return !process.IsAlive(pid) })
	if testkit.Exists(control) {
		t.Error("the control socket is left")
	}
}

// isOver waits until a holder has ended, and checks that it has left nothing.
func (s *server) isOver(t testing.TB) {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(testkit.Patience):
		t.Fatal("the holder does not end")
	}
	s.locked(func() {
		if len(s.kept)+len(s.ledger.items)+len(s.ledger.claims) > 0 || testkit.Exists(s.path) {
			t.Errorf("left are %v, %v, the control socket: %v", s.kept, s.ledger, testkit.Exists(s.path))
		}
	})
}

// TestEndsEmpty: a holder without a claim ends, even if somebody is connected and looks.
func TestEndsEmpty(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	path := startedIn(t, hurried)
	connect(t, path)
	pid := pidOf(t, path)
	asked(t, path, wire.Request{Op: wire.Fetch, Openings: encoded(t, "0")})
	dies(t, pid, path)
	if took := time.Since(begin); took < time.Second {
		t.Errorf("it has not waited: %v", took)
	}
}

// noClaim is how a conversation ends that does not become a claim.
var noClaim = map[string]func(c *client){
	"broken off": func(c *client) { c.close() },
	"refused": func(c *client) {
		c.say("garbage\n")
		c.header()
	},
}

// TestEndsAfterConversation: a new holder ends with the first conversation, if that does not become a claim.
func TestEndsAfterConversation(t *testing.T) {
	t.Parallel()
	for name, then := range noClaim {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serving(t)
			c := connect(t, s.path)
			c.claim(os.Getpid(), "0")
			s.locked(func() { s.release(0) })
			s.endIfEmpty()
			s.locked(func() {
				if s.ending {
					t.Error("it ends in the midst of a conversation")
				}
			})
			then(c)
			s.isOver(t)
		})
	}
}

// TestEndsNotEmpty: the time for the first claim ends no holder that has one, nor one whose sockets are only used.
func TestEndsNotEmpty(t *testing.T) {
	t.Parallel()
	s := serving(t)
	bound := claimed(t, s.path, os.Getpid(), "0")
	for _, then := range []func(){
		func() {},
		func() {
			fetched(t, s.path, true, bound...)
			asked(t, s.path, wire.Request{Op: wire.Release, Owner: os.Getpid()})
		},
	} {
		then()
		s.endIfEmpty()
		keeps(t, s.path, 1)
	}
}

// TestSignals: SIGTERM closes everything, and leaves no mark. Signals of a terminal have no effect.
func TestSignals(t *testing.T) {
	t.Parallel()
	path, file := started(t), testkit.Directory(t)+"/a"
	bound := claimed(t, path, os.Getpid(), "0", file)
	pid := pidOf(t, path)
	for _, signal := range []unix.Signal{unix.SIGHUP, unix.SIGINT} {
		if err := unix.Kill(pid, signal); err != nil {
			t.Fatal(err)
		}
	}
	keeps(t, path, 2)
	if err := unix.Kill(pid, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	dies(t, pid, path)
	testkit.AwaitClosed(t, parsed(t, bound[0]))
	if testkit.Exists(file) || testkit.Exists(MarkOf(path)) {
		t.Errorf("left are the path: %v, a mark: %v", testkit.Exists(file), testkit.Exists(MarkOf(path)))
	}
}

// TestStop closes everything before it answers, and leaves a mark until the next claim.
func TestStop(t *testing.T) {
	t.Parallel()
	s, file := serving(t), testkit.Directory(t)+"/a"
	bound := claimed(t, s.path, process.Init, "0", file)
	asked(t, s.path, wire.Request{Op: wire.Stop})
	if testkit.Exists(file) || testkit.Exists(s.path) {
		t.Errorf("left are the path: %v, the control socket: %v", testkit.Exists(file), testkit.Exists(s.path))
	}
	s.isOver(t)
	testkit.AwaitClosed(t, parsed(t, bound[0]))
	if stat, err := os.Lstat(MarkOf(s.path)); err != nil || stat.Mode() != 0o600 {
		t.Errorf("the mark is %v, %v", stat, err)
	}

	another := s.again(t)
	asked(t, another.path, wire.Request{Op: wire.Status})
	if !testkit.Exists(MarkOf(s.path)) {
		t.Error("the mark is gone without a claim")
	}
	claimed(t, another.path, process.Init, "0")
	if testkit.Exists(MarkOf(s.path)) {
		t.Error("the mark is left after a claim")
	}
}

// again is another holder with the same control socket.
func (s *server) again(t *testing.T) *server {
	t.Helper()
	testkit.Umask.Lock()
	defer testkit.Umask.Unlock()
	opened, err := OpenControl(s.path)
	if err != nil {
		t.Fatal(err)
	}
	another, err := newServer(opened.FD, s.path, "/where")
	if err != nil {
		t.Fatal(err)
	}
	go another.accept(another.control)
	t.Cleanup(func() { another.locked(another.end) })
	return another
}

// TestMarkIsNoLink: a mark is written through no symbolic link.
func TestMarkIsNoLink(t *testing.T) {
	t.Parallel()
	s := serving(t)
	target := testkit.Directory(t) + "/target"
	if err := os.Symlink(target, MarkOf(s.path)); err != nil {
		t.Fatal(err)
	}
	asked(t, s.path, wire.Request{Op: wire.Stop})
	s.isOver(t)
	if testkit.Exists(target) {
		t.Error("the target is made")
	}
}

// TestStopInConversation: whoever claims is told that there is nobody any more, and nothing is kept.
func TestStopInConversation(t *testing.T) {
	t.Parallel()
	s := serving(t)
	bound := claimed(t, s.path, process.Init, "0")
	c := connect(t, s.path)
	c.claim(os.Getpid(), "0", "udp::0")
	asked(t, s.path, wire.Request{Op: wire.Stop})
	testkit.AwaitClosed(t, parsed(t, bound[0]))
	c.store(open(t, "udp::0")...)
	c.ends()
	s.isOver(t)
}

// clearances take a control socket from its path.
var clearances = map[string]func(path string) error{
	"the control socket": os.Remove,
	"its directory":      func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
	"moved":              func(path string) error { return os.Rename(path, path+".was") },
	"replaced by a dead one": func(path string) error {
		if err := os.Remove(path); err != nil {
			return err
		}
		return testkit.DeadSocket(path, unix.SOCK_STREAM)
	},
}

// TestControlIsRestored: the control socket comes back, with its directory, and goes with the holder.
func TestControlIsRestored(t *testing.T) {
	t.Parallel()
	for name, clear := range clearances {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serving(t)
			claimed(t, s.path, process.Init, "0")
			if err := clear(s.path); err != nil {
				t.Fatal(err)
			}
			s.restoreAlone()
			keeps(t, s.path, 1)
			if stat, err := os.Lstat(s.path); err != nil || stat.Mode() != os.ModeSocket|0o600 {
				t.Errorf("it is %v, %v", stat, err)
			}
			asked(t, s.path, wire.Request{Op: wire.Release, Owner: process.Init})
			s.isOver(t)
		})
	}
}

// restoreAlone is restore while no other test needs the umask.
func (s *server) restoreAlone() {
	testkit.Umask.Lock()
	defer testkit.Umask.Unlock()
	s.restore()
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestGuard: a holder looks after its control socket by itself.
func TestGuard(t *testing.T) {
	t.Parallel()
	pid, path := keeping(t)
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	testkit.Await(t, "the control socket", func() bool {
		fd, err := dial(path)
		if err == nil {
			unix.Close(fd)
		}
		return err == nil
	})
	if took := time.Since(begin); took > 3*guardEvery {
		t.Errorf("it took %v", took)
	}
	if a := asked(t, path, wire.Request{Op: wire.Stop}); a.PID != pid {
		t.Errorf("there answers %+v", a)
	}
	dies(t, pid, path)
}

// TestControlOfAnother: what somebody else has put in the place of the control socket stays, then and at the end.
func TestControlOfAnother(t *testing.T) {
	t.Parallel()
	s := serving(t)
	claimed(t, s.path, process.Init, "0")
	remove(t, s.path)
	another := s.again(t)
	claimed(t, another.path, process.Init, "udp::0")
	s.restoreAlone()
	if a := asked(t, s.path, wire.Request{Op: wire.Status}); len(a.Sockets) != 1 || parsed(t, a.Sockets[0].Bound).Type != "udp" {
		t.Errorf("there answers %+v", a)
	}
	s.locked(s.end)
	if !testkit.Exists(s.path) {
		t.Fatal("the control socket of another is removed")
	}
	another.locked(another.end)
	if testkit.Exists(s.path) {
		t.Error("the control socket is left")
	}
}

// TestControlIsAFile: a file in the place of the control socket stays. It comes back when that has gone.
func TestControlIsAFile(t *testing.T) {
	t.Parallel()
	s := serving(t)
	claimed(t, s.path, process.Init, "0")
	remove(t, s.path)
	if err := os.WriteFile(s.path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.restoreAlone()
	if text, err := os.ReadFile(s.path); string(text) != "precious" {
		t.Errorf("the file is %q, %v", text, err)
	}
	remove(t, s.path)
	s.restoreAlone()
	s.restoreAlone()
	keeps(t, s.path, 1)
	s.locked(s.end)
	s.restoreAlone() // too late
	if testkit.Exists(s.path) {
		t.Error("the control socket is left")
	}
}
