//go:build unix

package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// conversation is one connection of a client.
type conversation struct {
	conn   *net.UnixConn
	raw    syscall.RawConn
	reader *wire.Reader
	stores bool // descriptors are wanted
}

// errSilent ends a conversation without an answer.
var errSilent = errors.New("no answer")

// converse has one conversation. Another user gets no answer. When the holder ends, nobody gets an answer: its control socket is gone
// by then.
func (s *server) converse(conn *net.UnixConn) {
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	c := &conversation{conn: conn, raw: raw}
	c.reader = wire.NewReader(c.receive)
	defer func() { socket.CloseAll(c.reader.Rest()) }()
	pid, err := c.peer()
	if err != nil {
		return
	}
	r, err := c.request(pid)
	if err == nil {
		s.slots <- struct{}{} // taken only after the request: a silent client takes no slot
		defer func() { <-s.slots }()
		if !s.enter() {
			return
		}
		defer s.replies.Done()
		err = s.answer(c, r)
	}
	if err != nil && !errors.Is(err, errSilent) {
		c.send(nil, failed(err))
	}
}

// enter counts an answer, unless it is too late for one.
func (s *server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ending {
		s.replies.Add(1)
	}
	return !s.ending
}

// peer returns the process at the other end, as process.Peer does. It has to be the same user's, or root's.
func (c *conversation) peer() (pid int, err error) {
	uid := -1
	controlErr := c.raw.Control(func(fd uintptr) { pid, uid, err = process.Peer(int(fd)) })
	if err = errors.Join(controlErr, err); err == nil && uid != os.Geteuid() && uid != 0 {
		err = errSilent
	}
	return pid, err
}

// request reads the request of the client.
func (c *conversation) request(peer int) (r wire.Request, err error) {
	c.conn.SetReadDeadline(time.Now().Add(wire.RequestTime))
	err = c.reader.Line(&r)
	switch isMalformed := errors.Is(err, wire.ErrMalformed); {
	case r.Protocol != wire.Protocol && (err == nil || isMalformed && r.Protocol != 0): // its form may differ from ours
		return r, &Error{Text: wire.ForeignVersion(wire.Protocol, r.Protocol), Remedy: "end it by the systemfd that started it: systemfd stop"}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return r, &Error{Text: fmt.Sprintf("no request within %v", wire.RequestTime)}
	case isMalformed, errors.Is(err, wire.ErrTooLarge):
		return r, &Error{Text: err.Error()}
	case err != nil:
		return r, errSilent
	case r.NamesProcesses() && peer != process.Unknown && r.Client != peer:
		return r, &Error{Text: fmt.Sprintf("process %d is process %d here: it is in another pid namespace than the holder", r.Client, peer), Remedy: "set XDG_RUNTIME_DIR to a directory that is not shared with it"}
	}
	return r, nil
}

func (c *conversation) receive(buf []byte) (n int, fds []int, err error) {
	rawErr := c.raw.Read(func(fd uintptr) bool {
		for err = unix.EINTR; errors.Is(err, unix.EINTR); {
			n, fds, err = socket.Receive(int(fd), buf)
		}
		return !errors.Is(err, unix.EAGAIN)
	})
	if rawErr != nil {
		return 0, nil, rawErr
	}
	if !c.stores {
		socket.CloseAll(fds)
		fds = nil
	}
	return n, fds, err
}

// send writes messages, and descriptors after them. It ignores a client that is gone or does not read.
func (c *conversation) send(fds []int, messages ...any) {
	text, err := wire.Lines(messages...)
	if err != nil {
		text, _ = wire.Lines(failed(err))
		fds = nil
	}
	c.conn.SetWriteDeadline(time.Now().Add(wire.RequestTime))
	if _, err := c.conn.Write(text); err != nil {
		return
	}
	for chunk := range slices.Chunk(fds, socket.MaxRights) {
		if c.sendRights(chunk) != nil {
			return
		}
	}
}

func (c *conversation) sendRights(fds []int) (err error) {
	rawErr := c.raw.Write(func(fd uintptr) bool {
		for err = unix.EINTR; errors.Is(err, unix.EINTR); {
			_, err = socket.Send(int(fd), []byte{0}, fds)
		}
		return !errors.Is(err, unix.EAGAIN)
	})
	return errors.Join(rawErr, err)
}

// failed is the answer to a request that cannot be carried out.
func failed(err error) wire.Header {
	h := wire.Header{Protocol: wire.Protocol, Error: err.Error()}
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) {
		h.Hint = hinter.Hint()
	}
	return h
}

// done is the first line of an answer without an error.
var done = wire.Header{Protocol: wire.Protocol}

// answer carries out a request. An error that it returns is sent to the client.
func (s *server) answer(c *conversation, r wire.Request) error {
	switch r.Op {
	case wire.Claim:
		return s.claim(c, r)
	case wire.Fetch:
		return s.fetch(c, r)
	case wire.Release:
		s.mu.Lock()
		s.release(s.ledger.current[party{r.Owner, owner}])
		s.mu.Unlock()
		c.send(nil, done, s.hello())
	case wire.Stop:
		openings, err := spec.ParseEach(r.Openings)
		if err != nil {
			return err
		}
		c.send(nil, done, s.stop(openings))
	case wire.Status:
		c.send(nil, done, s.status())
	default:
		return &Error{Text: fmt.Sprintf("unknown request %q", r.Op)}
	}
	return nil
}

// hello is the part that every answer has.
func (s *server) hello() wire.Answer { return wire.Answer{PID: os.Getpid(), Directory: s.directory} }

// status says what is kept.
func (s *server) status() wire.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.hello()
	s.describeAll(&a)
	return a
}

// describe says who wants a socket. It adds their names to names.
func (s *server) describe(n int, h *holding, names map[int]string) *wire.Socket {
	d := &wire.Socket{
		Bound: h.as.Encode(), Owners: h.owners, Since: s.kept[n].since.Unix(), Waiting: socket.Waiting(s.kept[n].fd), Damage: s.damageOf(n),
	}
	for _, pid := range h.users {
		if w := s.watches[s.ledger.current[party{pid, user}]]; w != nil && w.IsAlive() {
			d.Users = append(d.Users, pid)
		}
	}
	for _, pid := range slices.Concat(d.Owners, d.Users) {
		if _, known := names[pid]; !known {
			names[pid] = process.Name(pid)
		}
	}
	return d
}

// fetch passes copies of sockets, and says who has fetched them before. From now on the client is a user of them, too.
func (s *server) fetch(c *conversation, r wire.Request) error {
	openings, err := spec.ParseEach(r.Openings)
	if err != nil {
		return err
	}
	a, fds, err := s.take(openings, r.Client, r.Pass)
	defer socket.CloseAll(fds)
	if err != nil {
		return err
	}
	c.send(fds, done, a)
	return nil
}

func (s *server) take(openings []spec.Opening, client int, pass bool) (a wire.Answer, fds []int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a = s.hello()
	found := s.describeWanted(&a, openings, client)
	described := slices.DeleteFunc(slices.Clone(a.Found), func(d *wire.Socket) bool { return d == nil })
	for i, n := range found {
		s.mend(n, described[i])
		if !pass {
			continue
		}
		fd, err := unix.FcntlInt(uintptr(s.kept[n].fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return a, fds, shortage(err)
		}
		fds = append(fds, fd)
	}
	a.Descriptors = len(fds)
	return a, fds, s.use(client, found)
}

// use notes that a process uses items, until it ends. The caller has mu.
func (s *server) use(client int, items []int) error {
	if len(items) == 0 {
		return nil
	}
	as := make([]spec.Opening, len(items))
	p := party{client, user}
	if number := s.alive(p); number != 0 {
		s.ledger.extend(number, items, as)
		return nil
	}
	w, err := s.watch(client)
	if err == nil {
		s.follow(w, s.ledger.claim(p, items, as))
	}
	return err
}

// shortage is the error text if there are too few descriptors.
func shortage(err error) error {
	if errors.Is(err, unix.EMFILE) {
		return &Error{Text: "cannot take the sockets: too many open files", Remedy: "raise the limit of open files: ulimit -n"}
	}
	return err
}
