//go:build unix || windows

package holder

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

func keptOf(s *wire.Socket, names map[int]string) (Kept, error) {
	if s == nil {
		return Kept{}, wire.ErrMalformed
	}
	o, err := spec.ParseOpening(s.Bound)
	return Kept{o, processes(s.Owners, names), processes(s.Users, names), time.Unix(s.Since, 0), s.Waiting, s.Damage, s.IsMended}, err
}

func processes(pids []int, names map[int]string) []process.Process {
	var all []process.Process
	for _, pid := range pids {
		all = append(all, process.Process{PID: pid, Name: names[pid]})
	}
	return all
}

func texts(openings []spec.Opening) []string {
	texts := make([]string, len(openings))
	for i, o := range openings {
		texts[i] = o.Encode()
	}
	return texts
}

func (c *client) InUse(err error) error {
	failed, ok := errors.AsType[*socket.Error](err)
	if !ok || !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	wanted := spec.Opening{Spec: failed.Spec}
	held, _, _ := states()
	for _, state := range held {
		for _, kept := range state.Sockets {
			if state.Control != c.control && (kept.Opening.SameSocket(wanted.Spec) || kept.Opening.Overlaps(wanted)) {
				return &Error{
					Text:   fmt.Sprintf("%s is in use by the holder of %q (pid %d)", wanted.Address(), state.Directory, state.PID),
					Remedy: "close it: systemfd stop " + state.Name(), Err: syscall.EADDRINUSE,
				}
			}
		}
	}
	return err
}
