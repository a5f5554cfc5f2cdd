//go:build unix

package daemon

import (
	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/spec"
)

// stop closes sockets for all claims, or everything, and says what it closed. It does not wait for a claim that is in conversation,
// which may open one of the sockets again.
func (s *server) stop(openings []spec.Opening) wire.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(openings) > 0 && s.talking {
		a := s.hello()
		a.Busy = true
		return a
	}
	a := s.hello()
	if len(openings) == 0 {
		s.describeAll(&a)
		s.endForGood()
		return a
	}
	s.strike(&a, openings)
	if len(s.ledger.claims) == 0 {
		s.endForGood()
	}
	return a
}

// endForGood closes everything, and leaves the mark of systemfd stop. The caller has mu.
func (s *server) endForGood() {
	if fd, err := unix.Open(MarkOf(s.path), unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600); err == nil {
		unix.Close(fd)
	}
	s.end()
}
