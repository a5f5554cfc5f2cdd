package proxy

import (
	"io"
	"net"
	"sync"
)

// join passes bytes both ways, untouched, until both sides have ended. Whoever ends one direction may still read the other.
// Answered is called when the server has ended its direction.
func join(client, server net.Conn, answered func()) {
	defer client.Close()
	defer server.Close()
	var asking sync.WaitGroup
	asking.Go(func() { ask(server, client) })
	if _, err := io.Copy(client, server); err != nil {
		abort(client, server)
	} else {
		closeWrite(client)
	}
	answered()
	asking.Wait()
}

// ask passes what the client says. A server that does not read on may still answer.
func ask(server, client net.Conn) {
	from := &reader{Reader: client}
	n, err := io.Copy(server, from)
	switch {
	case from.err != nil || n == 0 && err == nil: // the client has reset the connection, or only looked whether somebody is there
		abort(client, server)
	case err == nil:
		closeWrite(server)
	}
}

// reader keeps the error of reading apart from that of writing.
type reader struct {
	io.Reader
	err error
}

func (r *reader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err != io.EOF {
		r.err = err
	}
	return n, err
}

// closeWrite ends one direction.
func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

// abort closes both sides as by a reset.
func abort(client, server net.Conn) {
	for _, c := range []net.Conn{client, server} {
		if tcp, ok := c.(interface{ SetLinger(seconds int) error }); ok {
			tcp.SetLinger(0)
		}
		c.Close()
	}
}
