//go:build unix || windows

package daemon

import (
	"slices"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/spec"
)

// What a holder says of its sockets is the same on every system, and so is how it takes them out of claims. The caller has mu.

// describeAll says what is kept.
func (s *server) describeAll(a *wire.Answer) {
	a.Names = map[int]string{}
	holdings := s.ledger.holdings()
	for _, n := range s.ledger.inOrder() {
		a.Sockets = append(a.Sockets, s.describe(n, holdings[n], a.Names))
	}
}

// describeWanted says which of the openings are kept, and who uses them beside the client. It returns the items that were found.
func (s *server) describeWanted(a *wire.Answer, openings []spec.Opening, client int) (found []int) {
	a.Names = map[int]string{}
	holdings := s.ledger.holdings()
	for i, n := range s.ledger.match(openings) {
		if n == 0 {
			a.Found = append(a.Found, nil)
			if s.stopped[openings[i].Identity()] {
				a.Stopped = append(a.Stopped, i)
			}
			continue
		}
		d := s.describe(n, holdings[n], a.Names)
		d.Users = slices.DeleteFunc(d.Users, func(pid int) bool { return pid == client })
		a.Found, found = append(a.Found, d), append(found, n)
	}
	return found
}

// strike closes openings for all claims, and says which of them were kept.
func (s *server) strike(a *wire.Answer, openings []spec.Opening) {
	a.Names = map[int]string{}
	holdings := s.ledger.holdings()
	for _, n := range s.ledger.match(openings) {
		if n == 0 {
			continue
		}
		a.Sockets = append(a.Sockets, s.describe(n, holdings[n], a.Names))
		s.stopped[s.ledger.items[n].bound.Identity()] = true
		s.forget(n)
	}
}

// forget closes item n, and drops the claims that have no other item.
func (s *server) forget(n int) {
	for _, number := range s.ledger.strike(n) {
		s.drop(number)
	}
	s.close([]int{n})
}

// drop drops a claim, and closes the sockets that have no claim any more.
func (s *server) drop(number int) {
	if w := s.watches[number]; w != nil {
		w.Stop()
		delete(s.watches, number)
	}
	s.close(s.ledger.release(number))
}
