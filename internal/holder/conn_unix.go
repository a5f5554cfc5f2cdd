//go:build unix

package holder

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
)

// How long a client waits for an answer: from its own holder, and from any other holder.
const (
	answerTime = 10 * time.Second
	lookTime   = time.Second
)

// conn is one conversation. It uses plain system calls: package net's poller would take low descriptors.
type conn struct {
	*wire.Reader
	control  string
	fd       int
	deadline time.Time // for the rest of the conversation
}

// dial connects to the holder. Without a holder it returns ErrGone. A holder that seems dead may only have a full queue. If probe says
// so, dial tries again.
func (c *client) dial(wait time.Duration) (*conn, error) {
	if !c.exists() {
		return nil, ErrGone
	}
	deadline := time.Now().Add(wait)
	for {
		fd, err := c.connect()
		if err == nil {
			k := &conn{control: c.control, fd: fd, deadline: deadline}
			k.Reader = wire.NewReader(k.receive)
			return k, nil
		}
		if err = c.judge(err); !errors.Is(err, errNoAnswer) {
			return nil, err
		}
		if time.Now().After(deadline) {
			return nil, silent(c.control)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// exists reports whether there is a control socket. It takes one system call: usually there is none.
func (c *client) exists() bool { return socket.FileAt(c.control) != (socket.File{}) }

// connect connects without waiting, and checks which user listens.
func (c *client) connect() (int, error) {
	fd, err := socket.Dial(c.control)
	if err != nil {
		return -1, err
	}
	_, uid, err := process.Peer(fd)
	if err == nil && uid != 0 && uid != c.peer {
		err = &Error{Text: fmt.Sprintf("the holder at %q is another user's (uid %d)", c.control, uid), Remedy: "unset SYSTEMFD_HOLDER"}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// errNoAnswer means that the holder is alive, but has ended the conversation without an answer, or has not begun it.
var errNoAnswer = errors.New("no answer")

// judge returns what an error of a conversation means: ErrGone, errNoAnswer, or an error for the user.
func (c *client) judge(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrGone), is[*Error](err):
		return err
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return ErrGone
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return errNoAnswer
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE), errors.Is(err, io.EOF):
		isDead, probeErr := socket.IsDead(c.control)
		switch {
		case isDead:
			return ErrGone
		case probeErr == nil:
			return errNoAnswer
		}
		err = probeErr
	}
	return trouble(c.control, err)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func trouble(control string, err error) error {
	e := &Error{Text: fmt.Sprintf("cannot talk to the holder at %q: %v", control, err), Err: err}
	if errors.Is(err, unix.EMFILE) {
		e.Remedy = "raise the limit of open files: ulimit -n"
	}
	return e
}

func silent(control string) error {
	return &Error{Text: fmt.Sprintf("the holder at %q does not answer", control), Remedy: "end it (its pid is the owner of that socket), and start again"}
}

// close ends the conversation.
func (k *conn) close() {
	socket.CloseAll(k.Rest())
	unix.Close(k.fd)
}

// await waits until the descriptor is ready for events, or the deadline has passed.
func (k *conn) await(events int16) error {
	for {
		left := time.Until(k.deadline)
		if left <= 0 {
			return silent(k.control)
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(k.fd), Events: events}}, int(left.Milliseconds())+1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case n > 0:
			return nil
		}
	}
}

func (k *conn) receive(buf []byte) (n int, fds []int, err error) {
	for {
		if err := k.await(unix.POLLIN); err != nil {
			return 0, nil, err
		}
		n, fds, err = socket.Receive(k.fd, buf)
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return n, fds, err
		}
	}
}

// ask sends a request.
func (k *conn) ask(r wire.Request) error {
	r.Protocol, r.Client = wire.Protocol, os.Getpid()
	return k.send(r, nil)
}

// send writes a message, and descriptors behind it.
func (k *conn) send(message any, fds []int) error {
	text, err := wire.Lines(message)
	if err != nil {
		return &Error{Text: err.Error(), Remedy: "open fewer sockets at once", Err: err}
	}
	for len(text) > 0 {
		n, err := k.write(text, nil)
		if err != nil {
			return err
		}
		text = text[n:]
	}
	for chunk := range slices.Chunk(fds, socket.MaxRights) {
		if _, err := k.write([]byte{0}, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (k *conn) write(text []byte, fds []int) (n int, err error) {
	for {
		if err := k.await(unix.POLLOUT); err != nil {
			return 0, err
		}
		n, err = socket.Send(k.fd, text, fds)
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// header reads the first line of an answer. It returns the error of the holder, or of the conversation.
func (k *conn) header() error {
	var h wire.Header
	switch err := k.Line(&h); {
	case errors.Is(err, wire.ErrMalformed), errors.Is(err, wire.ErrTooLarge):
		return &Error{Text: fmt.Sprintf("the holder at %q says what no holder says", k.control), Remedy: "end it (its pid is the owner of that socket), and start again"}
	case err != nil:
		return err
	case h.Error != "":
		return &Error{Text: h.Error, Remedy: h.Hint}
	case h.Protocol != wire.Protocol:
		return &Error{Text: wire.ForeignVersion(h.Protocol, wire.Protocol), Remedy: "end it by the systemfd that started it: systemfd stop"}
	}
	return nil
}

// answer reads an answer. With pass, it also reads a descriptor for each socket that was found. The caller closes them.
func (k *conn) answer(pass bool) (a wire.Answer, fds []int, err error) {
	if err := k.header(); err != nil {
		return a, nil, err
	}
	if err := k.Line(&a); err != nil {
		return a, nil, k.garbled(err)
	}
	found := 0
	for _, s := range a.Found {
		if s != nil && pass {
			found++
		}
	}
	if a.Descriptors != found {
		return a, nil, k.garbled(wire.ErrMalformed)
	}
	fds, err = k.Descriptors(a.Descriptors)
	return a, fds, err
}

func (k *conn) garbled(err error) error {
	if errors.Is(err, wire.ErrMalformed) || errors.Is(err, wire.ErrTooLarge) {
		return &Error{Text: fmt.Sprintf("the answer of the holder at %q cannot be read: %v", k.control, err), Remedy: "end it (its pid is the owner of that socket), and start again"}
	}
	return err
}
