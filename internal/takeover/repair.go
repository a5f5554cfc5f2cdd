package takeover

import (
	"fmt"

	"github.com/systemfd/systemfd/internal/socket"
)

// repair mends what servers before have done to inherited sockets: a shut down listener, or a unix path without its socket.
func (p *Plan) repair() error {
	if !p.described {
		return nil
	}
	for i, s := range p.inherited {
		damage := s.Damage()
		if damage == "" {
			continue
		}
		lost := socket.Waiting(s.FD)
		repaired, err := s.Repair()
		if err != nil {
			return fmt.Errorf("cannot mend %q (%s): %w", s.Address(), damage, err)
		}
		p.inherited[i].Socket = repaired
		p.warn("%s: %s; opened it again%s%s", s.Address(), damage, lostText(repaired, lost), p.keepText(repaired))
	}
	return nil
}

// lostText tells of clients that nobody will answer: a unix socket is another one now.
func lostText(s socket.Socket, waiting int) string {
	switch {
	case s.Path == "" || waiting <= 0:
		return ""
	case waiting == 1:
		return ", one waiting client is lost"
	}
	return fmt.Sprintf(", %d waiting clients are lost", waiting)
}

// keepText says how to keep a new unix socket: who gave us the old one still has that, and gives it to the next one.
func (p *Plan) keepText(s socket.Socket) string {
	if s.Path == "" || p.holder != nil {
		return ""
	}
	return "; systemfd --hold around it keeps it repaired"
}
