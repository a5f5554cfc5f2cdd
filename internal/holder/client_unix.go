//go:build unix

package holder

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/daemon"
	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

func (c *client) Release(owner int) error {
	_, _, err := c.ask(wire.Request{Op: wire.Release, Owner: owner}, answerTime)
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}

func (c *client) Stop(openings []spec.Opening) ([]Kept, error) {
	for begun := time.Now(); ; time.Sleep(wire.BusyPause) {
		a, _, err := c.ask(wire.Request{Op: wire.Stop, Openings: texts(openings)}, answerTime)
		switch {
		case err != nil:
			return nil, err
		case !a.Busy:
			return c.keptOfAll(a)
		case time.Since(begun) > wire.BusyTime:
			return nil, silent(c.control)
		}
	}
}

func (c *client) WasStopped() bool {
	var stat unix.Stat_t
	return unix.Lstat(daemon.MarkOf(c.control), &stat) == nil
}

func (c *client) Status() (State, error) {
	a, _, err := c.ask(wire.Request{Op: wire.Status}, lookTime)
	if err != nil {
		return State{}, err
	}
	state := State{Control: c.control, Directory: a.Directory, PID: a.PID}
	state.IsNamed = state.Name() != id(a.Directory)
	state.Sockets, err = c.keptOfAll(a)
	return state, err
}

// keptOfAll reads what the holder says of sockets in order.
func (c *client) keptOfAll(a wire.Answer) (all []Kept, err error) {
	for _, s := range a.Sockets {
		kept, err := keptOf(s, a.Names)
		if err != nil {
			return nil, c.unbelievable(err)
		}
		all = append(all, kept)
	}
	return all, nil
}

func (c *client) IsHere(state State) bool {
	dir, err := workingDirectory()
	return err == nil && state.Directory == dir
}

func (c *client) Fetch(openings []spec.Opening) ([]Fetched, error) {
	return c.fetch(openings, true, answerTime)
}

func (c *client) Look(openings []spec.Opening) ([]Fetched, error) {
	return c.fetch(openings, true, lookTime)
}

func (c *client) Use(openings []spec.Opening) ([]Fetched, error) {
	return c.fetch(openings, false, lookTime)
}

func (c *client) fetch(openings []spec.Opening, pass bool, wait time.Duration) ([]Fetched, error) {
	if !c.exists() { // before openings are made text
		return nil, ErrGone
	}
	a, fds, err := c.ask(wire.Request{Op: wire.Fetch, Openings: texts(openings), Pass: pass}, wait)
	if err == nil && len(a.Found) != len(openings) {
		err = c.unbelievable(fmt.Errorf("%d answers to %d questions", len(a.Found), len(openings)))
	}
	var all []Fetched
	for i := 0; err == nil && i < len(openings); i++ {
		f := Fetched{IsStopped: slices.Contains(a.Stopped, i)}
		if a.Found[i] != nil {
			f, err = c.found(a.Found[i], a.Names, openings[i])
		}
		if err == nil && f.IsKept && pass {
			f.Socket, err = c.verify(fds[0], f, openings[i])
			all, fds = append(all, f), fds[1:]
			continue
		}
		all = append(all, f)
	}
	socket.CloseAll(fds)
	if err != nil {
		CloseFetched(all)
		return nil, err
	}
	return all, nil
}

// found reads what the holder says of one socket.
func (c *client) found(s *wire.Socket, names map[int]string, wanted spec.Opening) (Fetched, error) {
	kept, err := keptOf(s, names)
	if err != nil {
		return Fetched{}, c.unbelievable(err)
	}
	if err := c.isAnswer(kept.Opening, wanted); err != nil {
		return Fetched{}, err
	}
	kept.Users = slices.DeleteFunc(kept.Users, func(p process.Process) bool { return process.IsAncestor(p.PID) })
	return Fetched{Kept: kept, IsKept: true}, nil
}

// isAnswer refuses another socket than was asked for.
func (c *client) isAnswer(kept, wanted spec.Opening) error {
	if !kept.MayBe(wanted.Spec) {
		return c.unbelievable(fmt.Errorf("%s is no answer to %s", kept.Display(), wanted.Display()))
	}
	return nil
}

// verify looks at a descriptor as at an inherited one, if it is to be used. It has the name and the type that were asked for.
func (c *client) verify(fd int, f Fetched, wanted spec.Opening) (socket.Socket, error) {
	s := socket.Socket{FD: fd, Name: wanted.FDName(), Opening: f.Kept.Opening}
	s.Opening.Name, s.Type = wanted.Name, wanted.Type
	if is := socket.Describe(fd); !is.Is(s.Spec) && (f.Damage == "" || f.IsMended) {
		return s, c.unbelievable(fmt.Errorf("the descriptor for %s is %s", s.Address(), is.Text))
	}
	return s, nil
}

func (c *client) unbelievable(err error) error {
	return &Error{
		Text: fmt.Sprintf("the holder at %q says what cannot be: %v", c.control, err), Err: err,
		Remedy: "end it (systemfd stop, or kill it), and evaluate systemfd env again",
	}
}

// tries is how often in a row a holder that lives may end a conversation without an answer. One that ends while
// another starts does so once.
const tries = 3

// ask has a conversation of one request and one answer, whose descriptors are the caller's to close.
func (c *client) ask(r wire.Request, wait time.Duration) (a wire.Answer, fds []int, err error) {
	for range tries {
		if a, fds, err = c.askOnce(r, wait); !errors.Is(err, errNoAnswer) {
			return a, fds, err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return a, nil, foreign(c.control)
}

func (c *client) askOnce(r wire.Request, wait time.Duration) (a wire.Answer, fds []int, err error) {
	k, err := c.dial(wait)
	if err != nil {
		return a, nil, err
	}
	defer k.close()
	if err = k.ask(r); err == nil {
		a, fds, err = k.answer(r.Pass)
	}
	return a, fds, c.judge(err)
}

// foreign is what the end of a conversation without an answer means while the holder lives.
func foreign(control string) error {
	return &Error{
		Text:   fmt.Sprintf("the holder at %q gives no answer: it is another version of systemfd", control),
		Remedy: "end it by the systemfd that started it: systemfd stop",
	}
}
