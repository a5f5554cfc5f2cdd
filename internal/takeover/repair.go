package takeover

import (
	"fmt"
	"os"

	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// damagedOf returns what another socket has to replace, and tells what the holder has mended. It is an error if somebody
// still uses a damaged one.
func (p *Plan) damagedOf(fetched []holder.Fetched) (damaged []spec.Opening, err error) {
	for _, f := range fetched {
		switch {
		case f.IsMended:
			p.Warnings = append(p.Warnings, f.DamageText())
		case f.IsToBeOpened():
			damaged = append(damaged, f.Kept.Opening)
		case f.Damage != "":
			return nil, &holder.Error{
				Text:   fmt.Sprintf("cannot mend %q (%s): %s still uses it", f.Kept.Opening.Address(), f.Damage, process.Join(f.Users)),
				Remedy: "stop that first",
			}
		}
	}
	return damaged, nil
}

// reopen opens damaged sockets of a holder again. We are an owner of these, as of all that we fetch.
func (p *Plan) reopen(from holder.Client, damaged []spec.Opening) error {
	claimed, err := from.Claim(os.Getpid(), damaged)
	p.Warnings = append(p.Warnings, claimed.Warnings...)
	return err
}

// lookAndMend returns what a holder keeps of openings, nil if it does not answer.
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
		repaired, how, err := p.repairOne(s.Socket)
		if err != nil {
			return fmt.Errorf("cannot mend %q (%s): %w", s.Address(), damage, err)
		}
		p.inherited[i].Socket = repaired
		if how != "" {
			p.warn("%s: %s; %s", s.Address(), damage, how)
		}
	}
	return nil
}

// repairOne says how it mends a socket. Of a path, the holder may have a socket that is whole, which takes the place of
// ours without a word.
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

// keepText says how to keep a new unix socket: who gave us the old one still has that, and gives it to the next one.
func (p *Plan) keepText(s socket.Socket) string {
	if s.Path == "" || p.holder != nil {
		return ""
	}
	return "; it stays repaired only with --hold, or with systemfd env"
}
