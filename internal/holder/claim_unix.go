//go:build unix

package holder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/daemon"
	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// claiming is what a claim asks for: what is to be kept, and for whom.
type claiming struct {
	owner  int
	wanted []spec.Opening
	adds   bool // the owner keeps what it claimed before
	from   source
}

func (c *client) Claim(owner int, openings []spec.Opening) (Claimed, error) {
	return c.open(owner, openings, false)
}

func (c *client) Add(owner int, openings []spec.Opening) (Claimed, error) {
	return c.open(owner, openings, true)
}

// open claims sockets, and opens those that the holder does not have.
func (c *client) open(owner int, openings []spec.Opening, adds bool) (Claimed, error) {
	wanted := make([]spec.Opening, len(openings))
	for i, o := range openings {
		o, err := socket.Resolve(o)
		if err != nil {
			return Claimed{}, err
		}
		o.Path = socket.Absolute(o.Path)
		if filepath.Dir(o.Path) == filepath.Dir(c.control) {
			return Claimed{}, &Error{Text: fmt.Sprintf("cannot open %q: that directory is for the control sockets of holders", o.Spec), Remedy: "take a path in another directory"}
		}
		wanted[i] = o
	}
	return c.claim(claiming{owner, wanted, adds, opener{}})
}

func (c *client) Keep(owner int, sockets []socket.Socket) error {
	_, err := c.claim(claiming{owner, socket.Openings(sockets), false, owned(sockets)})
	return err
}

// source provides the sockets that a holder lacks.
type source interface {
	// get returns the sockets that are wanted and missing, by their indexes.
	get(wanted []spec.Opening, missing []int, kept []spec.Opening) ([]socket.Socket, error)
	undo([]socket.Socket) // the claim has failed
	done([]socket.Socket) // the holder has them
}

// owned are sockets that were open before, and stay so.
type owned []socket.Socket

func (o owned) get(_ []spec.Opening, missing []int, _ []spec.Opening) (sockets []socket.Socket, err error) {
	for _, i := range missing {
		sockets = append(sockets, o[i])
	}
	return sockets, nil
}
func (owned) undo([]socket.Socket) {}
func (owned) done([]socket.Socket) {}

// opener is a source that opens sockets.
type opener struct{}

func (o opener) get(wanted []spec.Opening, missing []int, kept []spec.Opening) (sockets []socket.Socket, err error) {
	open := slices.Clone(kept)
	for _, i := range missing {
		opened, err := OpenBeside(wanted[i], open, len(kept))
		if err != nil {
			o.undo(sockets)
			return nil, err
		}
		sockets, open = append(sockets, opened), append(open, opened.Opening)
	}
	return sockets, nil
}

// undo closes the last socket first, because a directory is removed with the socket for which it was made.
func (opener) undo(sockets []socket.Socket) {
	for _, s := range slices.Backward(sockets) {
		s.Close()
	}
}

func (opener) done(sockets []socket.Socket) {
	for _, s := range sockets {
		s.Forget()
	}
}

// errUncertain means that the holder may have stored the sockets. Only the next conversation can tell.
var errUncertain = errors.New("the holder has not said whether it has the sockets")

// errBusy means that another claim is in conversation.
var errBusy = errors.New("the holder is busy")

const (
	searchTime = 2 * time.Second // longer than a holder takes to make its control socket again
	starts     = 10              // how many holders may end at once
)

// claim has the conversation with the holder. It starts a holder if there is none.
func (c *client) claim(q claiming) (Claimed, error) {
	if !process.IsAlive(q.owner) {
		return Claimed{}, &Error{Text: fmt.Sprintf("there is no process %d to own the sockets", q.owner), Remedy: "--owner PID names one that lives"}
	}
	claimed, err := c.claimOrStart(q)
	named := c.InUse(err)
	if named == err && isSystemfds(err) { // perhaps a holder that has lost its control socket
		claimed, err = c.claimOfReturned(q)
		named = c.InUse(err)
	}
	return claimed, named
}

// claimOrStart tries again while others claim, or while the previous holder ends.
func (c *client) claimOrStart(q claiming) (claimed Claimed, err error) {
	started, lost := 0, 0
	for begun := time.Now(); time.Since(begun) < wire.BusyTime && started < starts && lost < tries; time.Sleep(wire.BusyPause) {
		isNew, err := c.ensure()
		if err != nil {
			return Claimed{}, err
		}
		if isNew {
			started++
		}
		claimed, err = c.claimOnce(q)
		switch {
		case errors.Is(err, errBusy), errors.Is(err, ErrGone):
		case errors.Is(err, errNoAnswer), errors.Is(err, errUncertain):
			lost++
		default:
			return claimed, err
		}
	}
	if lost == tries {
		return claimed, foreign(c.control)
	}
	return claimed, silent(c.control)
}

// claimOfReturned waits for a holder whose control socket was removed. The holder makes it again as soon as no new, empty holder is in
// its place. If it does not come back, it was killed: then the claim is made from the start.
func (c *client) claimOfReturned(q claiming) (Claimed, error) {
	for begun := time.Now(); time.Since(begun) < searchTime; time.Sleep(wire.BusyPause) {
		claimed, err := c.claimOnce(q)
		switch {
		case errors.Is(err, ErrGone), errors.Is(err, errBusy), errors.Is(err, errNoAnswer), errors.Is(err, errUncertain):
		case !isSystemfds(err):
			return claimed, err
		}
	}
	return c.claimOrStart(q)
}

// isSystemfds reports whether an address is in use by a systemfd, or by an unknown process.
func isSystemfds(err error) bool {
	failed, ok := errors.AsType[*socket.Error](err)
	return ok && errors.Is(err, unix.EADDRINUSE) && (failed.User.PID == 0 || failed.User.Name == process.Name(os.Getpid()))
}

// ensure starts a holder if there is none, and reports whether it did.
func (c *client) ensure() (started bool, err error) {
	if isDead, err := socket.IsDead(c.control); err != nil {
		return false, trouble(c.control, err)
	} else if !isDead {
		return false, nil
	}
	directory, err := workingDirectory()
	if err != nil {
		return false, err
	}
	control, err := daemon.OpenControl(c.control)
	if errors.Is(err, unix.EADDRINUSE) {
		return false, nil // somebody else has started one
	}
	if err != nil {
		return false, err
	}
	if err := daemon.Start(control.FD, c.control, directory); err != nil {
		control.Close()
		return false, err
	}
	return true, control.Forget()
}

// claimOnce has one conversation.
func (c *client) claimOnce(q claiming) (Claimed, error) {
	k, err := c.dial(answerTime)
	if err != nil {
		return Claimed{}, err
	}
	defer k.close()
	claimed, missing, kept, err := c.have(k, q)
	if err != nil {
		return Claimed{}, err
	}
	asked, again := slices.Clone(q.wanted), []int(nil)
	for _, i := range missing {
		if claimed.Openings[i].Type != "" { // it is damaged: open it with its previous options
			asked[i], again = claimed.Openings[i], append(again, i)
		}
	}
	sockets, err := q.from.get(asked, missing, kept)
	if err != nil {
		return Claimed{}, err
	}
	err = c.store(k, again, sockets)
	if err != nil && !errors.Is(err, errUncertain) {
		q.from.undo(sockets)
		return Claimed{}, err
	}
	q.from.done(sockets)
	if err != nil {
		return Claimed{}, err
	}
	for i, s := range sockets {
		claimed.Openings[missing[i]], claimed.IsNew[missing[i]] = s.Opening, true
	}
	for i, o := range q.wanted {
		claimed.Openings[i].Name, claimed.Openings[i].Type = o.FDName(), o.Type
	}
	return claimed, nil
}

// have is the first half of the conversation. It returns which of the wanted sockets are kept, and which are missing.
func (c *client) have(k *conn, q claiming) (claimed Claimed, missing []int, kept []spec.Opening, err error) {
	var a wire.Answer
	if err = k.ask(wire.Request{Op: wire.Claim, Owner: q.owner, Openings: texts(q.wanted), Adds: q.adds}); err == nil {
		a, _, err = k.answer(false)
	}
	switch {
	case err != nil:
		return claimed, nil, nil, c.judge(err)
	case a.Busy:
		return claimed, nil, nil, errBusy
	case len(a.Bound) != len(q.wanted):
		return claimed, nil, nil, c.unbelievable(fmt.Errorf("%d answers to %d questions", len(a.Bound), len(q.wanted)))
	}
	claimed = Claimed{Openings: make([]spec.Opening, len(q.wanted)), IsNew: make([]bool, len(q.wanted)), PID: a.PID}
	for i, text := range a.Bound {
		if text == "" {
			missing = append(missing, i)
			continue
		}
		if claimed.Openings[i], err = c.boundAs(text, q.wanted[i]); err != nil {
			return claimed, nil, nil, err
		}
		if i >= len(a.Found) || a.Found[i] == nil {
			continue
		}
		f, err := c.found(a.Found[i], a.Names, q.wanted[i])
		if err != nil {
			return claimed, nil, nil, err
		}
		claimed.Warnings = append(claimed.Warnings, f.DamageText())
		if f.IsToBeOpened() {
			missing = append(missing, i)
		}
	}
	if kept, err = spec.ParseEach(a.Kept); err != nil {
		err = c.unbelievable(err)
	}
	return claimed, missing, kept, err
}

// boundAs reads how the holder has opened what is wanted. Other options are an error.
func (c *client) boundAs(text string, wanted spec.Opening) (bound spec.Opening, err error) {
	if bound, err = spec.ParseOpening(text); err != nil {
		return bound, c.unbelievable(err)
	}
	if err = c.isAnswer(bound, wanted); err != nil {
		return bound, err
	}
	if option := wanted.Differs(bound.Options); option != "" {
		return bound, Differs(Kept{Opening: bound}, option)
	}
	return bound, nil
}

// store is the second half of the conversation. It stores the sockets that were missing.
func (c *client) store(k *conn, again []int, sockets []socket.Socket) error {
	message, fds := wire.Store{Again: again}, []int{}
	for _, s := range sockets {
		message.Sockets = append(message.Sockets, wire.Stored{Bound: s.Encode(), Device: s.File().Device, Inode: s.File().Inode})
		fds = append(fds, s.FD)
	}
	k.deadline = time.Now().Add(answerTime)
	err := k.send(message, fds)
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		if said := k.header(); is[*Error](said) { // why it does not listen any more
			return said
		}
	}
	if err != nil {
		return c.judge(err)
	}
	err = k.header()
	if err != nil && !is[*Error](err) && !errors.Is(c.judge(err), ErrGone) {
		return errUncertain
	}
	return c.judge(err)
}
