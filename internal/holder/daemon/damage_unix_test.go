//go:build unix

package daemon

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// TestDamagedPathIsReplaced: a claim is told what is broken, and stores another socket in its place, for all who want it.
func TestDamagedPathIsReplaced(t *testing.T) {
	t.Parallel()
	s, path, owner := serving(t), testkit.Directory(t)+"/a", testkit.Sleeper(t).Process.Pid
	text := "unix::" + path
	claimed(t, s.path, owner, "0", text)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := asked(t, s.path, wire.Request{Op: wire.Status}).Sockets[1]; got.Damage != "its path is gone" || got.IsMended {
		t.Errorf("the status is %+v", got)
	}
	c := connect(t, s.path)
	a := c.claim(os.Getpid(), "0", text)
	if slices.Contains(a.Bound, "") || len(a.Found) != 2 || a.Found[0] != nil || a.Found[1].Damage != "its path is gone" {
		t.Fatalf("have %+v", a)
	}
	opened := open(t, text)
	message, fds := stores(opened...)
	message.Again = []int{1}
	c.send(fds, message)
	c.answer()
	forget(opened)

	got := asked(t, s.path, wire.Request{Op: wire.Status}).Sockets
	if len(got) != 2 || got[1].Damage != "" || !slices.Equal(got[1].Owners, []int{owner, os.Getpid()}) || !testkit.Listens(t, parsed(t, got[1].Bound)) {
		t.Errorf("then it is %+v", got)
	}
}

// TestOnlyDamageIsReplaced: what is whole stays, whatever a client says.
func TestOnlyDamageIsReplaced(t *testing.T) {
	undisturbed(t, func(s *server) {
		path := testkit.Directory(t) + "/a"
		claimed(t, s.path, os.Getpid(), "unix::"+path)
		opened := open(t, "unix::"+path+"2")
		message, fds := stores(opened...)
		message.Again = []int{0}
		c := connect(t, s.path)
		c.claim(os.Getpid(), "unix::"+path)
		c.send(fds, message)
		if h := c.header(); !strings.Contains(h.Error, "was wanted") {
			t.Errorf("another path: %+v", h)
		}
		c.close()
		forget(opened)
		asked(t, s.path, wire.Request{Op: wire.Release, Owner: os.Getpid()})
	})
	s := serving(t)
	address := parsed(t, claimed(t, s.path, process.Init, "0")[0]).Address()
	second := open(t, "0") // verified as another free port
	message, fds := stores(second...)
	message.Again = []int{0}
	c := connect(t, s.path)
	c.claim(process.Init, "0")
	c.send(fds, message)
	if h := c.header(); !strings.HasSuffix(h.Error, " is kept open, and is not damaged") {
		t.Errorf("a whole port: %+v", h)
	}
	if got := s.addresses(t); len(got) != 1 || got[address] == 0 {
		t.Errorf("kept is %v, and was %s", got, address)
	}
}

// TestPortIsMended: the holder itself binds a port again, for a claim and for a fetch.
func TestPortIsMended(t *testing.T) {
	t.Parallel()
	s := serving(t)
	bound := claimed(t, s.path, process.Init, testkit.FreePort(t))
	shutDownKept := func() {
		s.locked(func() {
			for _, k := range s.kept {
				if err := unix.Shutdown(k.fd, unix.SHUT_RDWR); err != nil {
					t.Skip(err) // macOS and the BSDs refuse that of a listener
				}
			}
		})
		if got := asked(t, s.path, wire.Request{Op: wire.Status}).Sockets[0]; got.Damage != "it was shut down" || got.IsMended {
			t.Errorf("the status is %+v", got)
		}
	}
	for _, r := range []wire.Request{{Op: wire.Claim, Owner: process.Init, Openings: bound}, {Op: wire.Fetch, Openings: bound}} {
		shutDownKept()
		a := asked(t, s.path, r)
		if len(a.Found) != 1 || a.Found[0].Damage != "it was shut down" || !a.Found[0].IsMended {
			t.Errorf("%s: %+v", r.Op, a)
		}
		if !testkit.Listens(t, parsed(t, bound[0])) {
			t.Errorf("after a %s nobody listens", r.Op)
		}
	}
}
