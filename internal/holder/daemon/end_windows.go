package daemon

import (
	"os"
	"slices"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/share"
	"github.com/systemfd/systemfd/internal/spec"
)

// describeAll says what is kept.
func (s *server) describeAll() (a Answer) {
	a.Names = map[int]string{}
	holdings := s.ledger.holdings()
	for _, n := range s.ledger.inOrder() {
		a.Sockets = append(a.Sockets, s.describe(n, holdings[n], a.Names))
	}
	return a
}

// describe says who wants a socket. It notes their names.
func (s *server) describe(n int, h *holding, names map[int]string) *wire.Socket {
	for _, pid := range slices.Concat(h.owners, h.users) {
		if _, known := names[pid]; !known {
			names[pid] = process.Name(pid)
		}
	}
	return &wire.Socket{Bound: h.as.Encode(), Owners: h.owners, Users: h.users, Since: s.kept[n].since.Unix(), Waiting: -1}
}

// stop closes sockets for all who want them, or everything, and says what.
func (s *server) stop(openings []spec.Opening) (a Answer) {
	a = s.describeAll()
	if len(openings) > 0 {
		a.Sockets = nil
		holdings := s.ledger.holdings()
		for _, n := range s.ledger.match(openings) {
			if n == 0 {
				continue
			}
			a.Sockets = append(a.Sockets, s.describe(n, holdings[n], a.Names))
			s.stopped[s.ledger.items[n].bound.Identity()] = true
			for _, number := range s.ledger.strike(n) {
				s.drop(number)
			}
			s.close([]int{n})
		}
	}
	if len(openings) == 0 || len(s.ledger.claims) == 0 {
		os.WriteFile(MarkOf(s.control), nil, 0o600)
		s.end()
	}
	return a
}

// drop drops a claim, and closes what nobody wants any more.
func (s *server) drop(number int) {
	if w := s.watches[number]; w != nil {
		w.Stop()
		delete(s.watches, number)
	}
	s.close(s.ledger.release(number))
}

func (s *server) close(numbers []int) {
	for _, n := range numbers {
		share.Close([]int{s.kept[n].socket})
		delete(s.kept, n)
	}
}

// endIfEmpty ends a holder that nobody wants.
func (s *server) endIfEmpty() {
	if len(s.ledger.claims) == 0 {
		s.end()
	}
}

// end closes everything, and takes the door away.
func (s *server) end() {
	if s.ending {
		return
	}
	s.ending = true
	for number := range s.ledger.claims {
		s.drop(number)
	}
	os.Remove(s.control)
	s.share.Close()
	close(s.done)
}
