package wire

import (
	"bytes"
	"encoding/json"
	"io"
)

// Reader reads messages, and the descriptors that come with them.
type Reader struct {
	receive func(buf []byte) (n int, fds []int, err error)
	buf     []byte
	text    []byte // received, and not read yet
	fds     []int  // received, and not taken yet
}

// NewReader reads what receive returns: some bytes, and the descriptors that came with them; no bytes is the end.
func NewReader(receive func(buf []byte) (n int, fds []int, err error)) *Reader {
	return &Reader{receive: receive, buf: make([]byte, 1<<14)}
}

// Line reads a line of JSON into message. It returns io.EOF after the last line, ErrTooLarge, ErrMalformed, or the error of receive.
func (r *Reader) Line(message any) error {
	searched := 0
	for {
		if i := bytes.IndexByte(r.text[searched:], '\n'); i >= 0 {
			line := r.text[:searched+i]
			r.text = r.text[searched+i+1:]
			if json.Unmarshal(line, message) != nil {
				return ErrMalformed
			}
			return nil
		}
		searched = len(r.text)
		if searched > MaxText {
			return ErrTooLarge
		}
		if err := r.more(); err != nil {
			return err
		}
	}
}

// Descriptors takes n descriptors, which are the caller's to close from then on.
func (r *Reader) Descriptors(n int) ([]int, error) {
	for len(r.fds) < n {
		r.text = r.text[:0] // each message of descriptors has a byte without a meaning
		if err := r.more(); err != nil {
			return nil, err
		}
	}
	taken := r.fds[:n:n]
	r.fds = r.fds[n:]
	return taken, nil
}

// Rest takes the descriptors that nobody has asked for. The caller closes them.
func (r *Reader) Rest() []int {
	rest := r.fds
	r.fds = nil
	return rest
}

func (r *Reader) more() error {
	n, fds, err := r.receive(r.buf)
	r.fds = append(r.fds, fds...)
	if err != nil {
		return err
	}
	if n == 0 {
		return io.EOF
	}
	r.text = append(r.text, r.buf[:n]...)
	return nil
}
