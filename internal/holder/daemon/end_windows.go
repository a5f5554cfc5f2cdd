package daemon

import (
	"os"
	"slices"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/share"
	"github.com/systemfd/systemfd/internal/spec"
)

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
	if len(openings) == 0 {
		s.describeAll(&a.Answer)
	} else {
		s.strike(&a.Answer, openings)
	}
	if len(openings) == 0 || len(s.ledger.claims) == 0 {
		os.WriteFile(MarkOf(s.control), nil, 0o600)
		s.end()
	}
	return a
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
