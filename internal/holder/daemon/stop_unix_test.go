//go:build unix

package daemon

import (
	"os"
	"slices"
	"testing"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// TestStopSome closes some sockets for all who want them. They are remembered as stopped until somebody claims them, and a
// holder that has nothing left ends as by a stop of everything.
func TestStopSome(t *testing.T) {
	t.Parallel()
	s, file := serving(t), testkit.Directory(t)+"/a"
	bound := claimed(t, s.path, process.Init, "0", file, "udp::0")
	claimed(t, s.path, os.Getpid(), bound[0])
	fetched(t, s.path, false, bound[0], bound[1])
	a := asked(t, s.path, wire.Request{Op: wire.Stop, Openings: append(encoded(t, "/no/such"), bound[:2]...)})
	if len(a.Sockets) != 2 || !slices.Equal(a.Sockets[0].Owners, []int{process.Init, os.Getpid()}) || a.Sockets[1].Bound == "" {
		t.Errorf("it closed %+v", a.Sockets)
	}
	testkit.AwaitClosed(t, parsed(t, bound[0]))
	if testkit.Exists(file) || testkit.Exists(MarkOf(s.path)) {
		t.Error("its path is left, or the mark of a stop of everything is there")
	}
	keeps(t, s.path, 1)
	for _, role := range []role{owner, user} {
		if number, isWatched := s.numberOf(party{os.Getpid(), role}); number != 0 || isWatched {
			t.Errorf("claim %d of an %s has nothing, and is left", number, role)
		}
	}
	s.saysStopped(t, bound, 0, 1)
	claimed(t, s.path, os.Getpid(), file)
	s.saysStopped(t, bound, 0)

	asked(t, s.path, wire.Request{Op: wire.Stop, Openings: bound})
	s.isOver(t)
	if !testkit.Exists(MarkOf(s.path)) {
		t.Error("there is no mark")
	}
}

// saysStopped checks which openings a fetch says to be stopped.
func (s *server) saysStopped(t *testing.T, bound []string, want ...int) {
	t.Helper()
	if a, _ := fetched(t, s.path, false, bound...); !slices.Equal(a.Stopped, want) || len(a.Found) != len(bound) {
		t.Errorf("stopped are %v of %+v, want %v", a.Stopped, a.Found, want)
	}
}

// TestStopSomeInConversation: a claim in conversation may be about to use the socket.
func TestStopSomeInConversation(t *testing.T) {
	t.Parallel()
	s := serving(t)
	bound := claimed(t, s.path, process.Init, "0")
	c := connect(t, s.path)
	c.claim(os.Getpid(), bound[0])
	if a := asked(t, s.path, wire.Request{Op: wire.Stop, Openings: bound}); !a.Busy || a.Sockets != nil {
		t.Errorf("the answer is %+v", a)
	}
	c.store()
	c.answer()
	if a := asked(t, s.path, wire.Request{Op: wire.Stop, Openings: bound}); len(a.Sockets) != 1 {
		t.Errorf("the answer is %+v", a)
	}
	s.isOver(t)
}
