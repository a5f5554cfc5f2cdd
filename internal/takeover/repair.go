package takeover

import (
	"fmt"
	"os"

	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// damagedOf returns the sockets that have to be replaced, and warns of those that the holder has repaired. It is an error if somebody
// still uses a damaged socket.
func (p *Plan) damagedOf(fetched []holder.Fetched) (damaged []spec.Opening, err error) {
	for _, f := range fetched {
		switch {
		case f.IsMended:
			p.Warnings = append(p.Warnings, f.DamageText())
		case f.IsToBeOpened():
			damaged = append(damaged, f.Kept.Opening)
		case f.Damage != "":
			return nil, &holder.Error{
				Text:   fmt.Sprintf("cannot repair %q (%s): %s still uses it", f.Kept.Opening.Address(), f.Damage, process.Join(f.Users)),
				Remedy: "stop that process first",
			}
		}
	}
	return damaged, nil
}

// reopen opens damaged sockets of a holder again. We are an owner of them, as of all sockets that we fetch.
func (p *Plan) reopen(from holder.Client, damaged []spec.Opening) error {
	claimed, err := from.Claim(os.Getpid(), damaged)
	p.Warnings = append(p.Warnings, claimed.Warnings...)
	return err
}

// lookAndMend returns those of openings that a holder keeps, nil if it does not answer.
func (p *Plan) lookAndMend(from holder.Client, openings []spec.Opening) ([]holder.Fetched, error) {
	for range maxHeals {
		fetched, err := from.Look(openings)
		if err != nil {
			return nil, nil
		}
		damaged, err := p.damagedOf(fetched)
		if err == nil && damaged == nil {
			return fetched, nil
		}
		holder.CloseFetched(fetched)
		if err == nil {
			err = p.reopen(from, damaged)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// repair repairs inherited sockets that a previous server has broken: it has shut down a listener, or removed a unix path.
func (p *Plan) repair() error {
	if !p.described {
		return nil
	}
	for i, s := range p.inherited {
		damage := s.Damage()
		if damage == "" {
			continue
		}
		repaired, how, err := p.repairOne(s.Socket)
		if err != nil {
			return fmt.Errorf("cannot repair %q (%s): %w", s.Address(), damage, err)
		}
		p.inherited[i].Socket = repaired
		if how != "" {
			p.warn("%s: %s; %s", s.Address(), damage, how)
		}
	}
	return nil
}

// repairOne repairs a socket, and says how. If the holder has an undamaged socket for a path, that one replaces ours, without a warning.
func (p *Plan) repairOne(s socket.Socket) (repaired socket.Socket, how string, err error) {
	if s.Path != "" && p.holder != nil {
		fetched, err := p.lookAndMend(p.holder, []spec.Opening{s.Opening})
		if err != nil {
			return s, "", err
		}
		if len(fetched) > 0 && fetched[0].IsKept {
			repaired, err = s.ReplaceBy(fetched[0].Socket)
			return repaired, "", err
		}
	}
	var sharers []process.Process
	if s.Path != "" { // a port is the same socket as before
		sharers = socket.Sharers(s.FD)
	}
	waiting := socket.Waiting(s.FD)
	repaired, err = s.Repair()
	return repaired, holder.OpenedAgain(sharers, waiting) + p.keepText(repaired), err
}

// keepText says how to keep a new unix socket. The process that gave us the old socket still has it, and will pass it on again.
func (p *Plan) keepText(s socket.Socket) string {
	if s.Path == "" || p.holder != nil {
		return ""
	}
	return "; it stays repaired only with --hold, or with systemfd env"
}
