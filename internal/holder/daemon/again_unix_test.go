//go:build unix

package daemon

import (
	"maps"
	"os"
	"testing"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/testkit"
)

// numberOf returns the claim of a party, and whether it is watched.
func (s *server) numberOf(p party) (number int, isWatched bool) {
	s.locked(func() {
		number = s.ledger.current[p]
		isWatched = s.watches[number] != nil && s.watches[number].IsAlive()
	})
	return number, isWatched
}

// TestDeadWatchIsNotUsed: when the process of a claim has ended, a process with the same ID makes a claim of its own, even if the news of
// the end has not come yet. When the news comes, it ends the old claim.
func TestDeadWatchIsNotUsed(t *testing.T) {
	t.Parallel()
	s, cmd := serving(t), testkit.Sleeper(t)
	pid := cmd.Process.Pid
	bound := claimed(t, s.path, pid, "0", "udp::0")
	kept := s.addresses(t)
	before, isWatched := s.numberOf(party{pid, owner})
	if !isWatched {
		t.Fatal("the owner is not watched")
	}
	s.locked(s.watches[before].Stop) // from now on it is not alive, and nothing is told

	claimed(t, s.path, pid, "0", "udp::0")
	after, isWatched := s.numberOf(party{pid, owner})
	if after == before || !isWatched || !maps.Equal(s.addresses(t), kept) || len(s.watches) != 1 {
		t.Errorf("claim %d becomes %d, watched: %v, and keeps %v of %v", before, after, isWatched, s.addresses(t), kept)
	}
	s.locked(func() { s.release(before) }) // the news
	if again, isWatched := s.numberOf(party{pid, owner}); again != after || !isWatched || !testkit.Listens(t, parsed(t, bound[0])) {
		t.Errorf("the news makes claim %d of %d, watched: %v", again, after, isWatched)
	}
	testkit.End(cmd)
	s.isOver(t)
}

// TestDeadUserIsNotUsed: the same for a process that has fetched.
func TestDeadUserIsNotUsed(t *testing.T) {
	t.Parallel()
	s, cmd := serving(t), testkit.Sleeper(t)
	pid := cmd.Process.Pid
	bound := claimed(t, s.path, os.Getpid(), "0", "0")
	s.usedBy(t, pid, bound[0])
	before, _ := s.numberOf(party{pid, user})
	s.locked(s.watches[before].Stop)
	if a, _ := fetched(t, s.path, false, bound[0]); a.Found[0].Users != nil {
		t.Errorf("a process that has ended uses it: %v", a.Found[0].Users)
	}
	s.usedBy(t, pid, bound[1])
	a, _ := fetched(t, s.path, false, bound...)
	if after, isWatched := s.numberOf(party{pid, user}); after == before || !isWatched || a.Found[0].Users != nil || len(a.Found[1].Users) != 1 {
		t.Errorf("claim %d becomes %d, watched: %v; used by %v and %v", before, after, isWatched, a.Found[0].Users, a.Found[1].Users)
	}
	testkit.End(cmd)
	s.await(t, "the user to be forgotten", func() bool { return s.ledger.current[party{pid, user}] == 0 })
}

// TestClaimAgainIsWatchedOnce: a process that claims again keeps its watch, and the claim ends with it.
func TestClaimAgainIsWatchedOnce(t *testing.T) {
	t.Parallel()
	s, cmd := serving(t), testkit.Sleeper(t)
	claimed(t, s.path, os.Getpid(), "udp::0")
	for range 200 { // at once: an answer to a claim is the end of its conversation
		claimed(t, s.path, cmd.Process.Pid, "0")
	}
	s.locked(func() {
		if len(s.watches) != 2 || len(s.ledger.claims) != 2 {
			t.Errorf("%d watches, %d claims", len(s.watches), len(s.ledger.claims))
		}
	})
	testkit.End(cmd)
	testkit.Await(t, "its socket to be closed", func() bool { return len(s.addresses(t)) == 1 })
	asked(t, s.path, wire.Request{Op: wire.Release, Owner: os.Getpid()})
	s.isOver(t)
}
