//go:build unix

package daemon

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// claim is the conversation that changes what is kept. There is only one at a time: if two clients want the same new socket, one of
// them opens it. A conversation that breaks off changes nothing.
func (s *server) claim(c *conversation, r wire.Request) error {
	wanted, err := spec.ParseEach(r.Openings)
	if err != nil {
		return err
	}
	items, a, talk := s.have(wanted)
	c.send(nil, done, a)
	if a.Busy {
		return nil
	}
	err = s.change(c, r, wanted, items)
	s.over(talk) // before the answer: then the client may claim again, or release and bind
	if err == nil {
		c.send(nil, done, s.hello())
	}
	return err
}

// change is the second half of the conversation.
func (s *server) change(c *conversation, r wire.Request, wanted []spec.Opening, items []int) error {
	stored, err := c.store(wanted, items, s.storeTime)
	if err == nil && c.isGone() {
		err = errSilent
	}
	if err == nil {
		err = s.keep(r, wanted, items, stored)
	}
	if err != nil {
		for _, k := range stored {
			unix.Close(k.fd)
		}
	}
	return err
}

// have begins a conversation: it says which of the wanted sockets are kept. These stay open until over.
func (s *server) have(wanted []spec.Opening) (items []int, a wire.Answer, talk int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a = s.hello()
	if a.Busy = s.talking; a.Busy {
		return nil, a, 0
	}
	s.talking = true
	items = s.ledger.match(wanted)
	var found []int
	for _, n := range items {
		bound := ""
		if n != 0 {
			bound = s.ledger.items[n].bound.Encode()
			found = append(found, n)
		}
		a.Bound = append(a.Bound, bound)
	}
	a.Names = map[int]string{}
	a.Found = s.damaged(items, a.Names)
	for _, n := range s.ledger.inOrder() {
		a.Kept = append(a.Kept, s.ledger.items[n].bound.Encode())
	}
	return items, a, s.ledger.claim(party{0, guest}, found, make([]spec.Opening, len(found)))
}

// over ends a conversation. If no claim is left, the holder ends.
func (s *server) over(talk int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.talking = false
	s.release(talk)
}

// stored is a socket that a client has stored, and that is not kept yet.
type stored struct {
	kept
	opening int // of the claim
	bound   spec.Opening
}

// store receives the sockets that are missing, and verifies each. The caller closes what it returns, also with an
// error.
func (c *conversation) store(wanted []spec.Opening, items []int, wait time.Duration) (received []stored, err error) {
	c.stores = true
	c.conn.SetReadDeadline(time.Now().Add(wait))
	var message wire.Store
	if err := c.reader.Line(&message); err != nil {
		return nil, lost(err, wait)
	}
	var missing []int
	for i, n := range items {
		if n == 0 || slices.Contains(message.Again, i) {
			missing = append(missing, i)
		}
	}
	if len(message.Sockets) != len(missing) {
		return nil, &Error{Text: fmt.Sprintf("%d sockets are missing, and %d were stored", len(missing), len(message.Sockets))}
	}
	fds, err := c.reader.Descriptors(len(missing))
	if err != nil {
		return nil, lost(err, wait)
	}
	for i, fd := range fds {
		received = append(received, stored{kept: kept{fd: fd, since: time.Now()}, opening: missing[i]})
	}
	for i := range received {
		if err := received[i].verify(wanted[missing[i]], message.Sockets[i]); err != nil {
			return received, err
		}
	}
	return received, nil
}

// isGone reports whether the client has ended the conversation. What it has stored is undone, then.
func (c *conversation) isGone() (is bool) {
	c.raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(fds, 0)
		is = err == nil && n > 0 && fds[0].Revents&unix.POLLHUP != 0
	})
	return is
}

// lost says why a store has not come, if the client is still there.
func lost(err error, wait time.Duration) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{Text: fmt.Sprintf("the sockets were not stored within %v", wait)}
	case errors.Is(err, unix.EMFILE):
		return shortage(err)
	case errors.Is(err, wire.ErrTooLarge), errors.Is(err, wire.ErrMalformed):
		return &Error{Text: err.Error()}
	}
	return errSilent
}

// verify checks everything that can be checked: the descriptor fits what was wanted, is bound to the address that the client says, is
// ready for a server, and its path is the file that the client made.
func (k *stored) verify(wanted spec.Opening, said wire.Stored) (err error) {
	if k.bound, err = spec.ParseOpening(said.Bound); err != nil {
		return err
	}
	is := socket.Describe(k.fd)
	if !is.Is(k.bound.Spec) {
		return &Error{Text: fmt.Sprintf("the descriptor for %s is %s", k.bound.Address(), is.Text)}
	}
	if !k.bound.MayBe(wanted.Spec) {
		return &Error{Text: fmt.Sprintf("%s was wanted, and %s stored", wanted.Display(), k.bound.Display())}
	}
	if k.file = (socket.File{Device: said.Device, Inode: said.Inode}); k.file != (socket.File{}) && socket.FileAt(k.bound.Path) != k.file {
		return &Error{Text: fmt.Sprintf("%q is not the file that was made for the socket", k.bound.Path)}
	}
	k.path, k.bound.Name = k.bound.Path, ""
	return nil
}

// keep makes the claim, which replaces the previous claim of the owner, or adds to that. Sockets in both are never closed. After an
// error nothing is changed.
func (s *server) keep(r wire.Request, wanted []spec.Opening, items []int, received []stored) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return errSilent
	}
	p := party{r.Owner, owner}
	before := s.alive(p)
	w := s.watches[before]
	if w == nil {
		if w, err = s.watch(r.Owner); err != nil {
			return err
		}
	}
	for _, k := range received {
		if n := items[k.opening]; n != 0 && !s.mayReplace(n, k.bound) {
			return &Error{Text: fmt.Sprintf("%s is kept open, and is not damaged", k.bound.Address())}
		}
	}
	for _, k := range received {
		if n := items[k.opening]; n != 0 {
			s.replace(n, &k.kept)
			continue
		}
		items[k.opening] = s.ledger.add(wanted[k.opening], k.bound)
		s.kept[items[k.opening]] = &k.kept
	}
	as := make([]spec.Opening, len(wanted))
	for i, o := range wanted {
		as[i] = s.ledger.items[items[i]].bound
		delete(s.stopped, as[i].Identity())
		as[i].Name, as[i].Type = o.FDName(), o.Type
	}
	unix.Unlink(MarkOf(s.path))
	if r.Adds && before != 0 {
		s.ledger.extend(before, items, as)
		return nil
	}
	number := s.ledger.claim(p, items, as)
	delete(s.watches, before)
	s.follow(w, number)
	s.close(s.ledger.release(before))
	return nil
}
