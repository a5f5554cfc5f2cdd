package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// conn is a connection whose calls block their threads. One of package net has to be accepted by it, or copied from a file, and for
// that the handle has to leave the runtime's completion port: Windows does that since 8.1, and Wine does not.
type conn struct {
	handle   windows.Handle
	mu       sync.Mutex
	users    int // calls that use the handle
	isClosed bool
}

// newConn takes an accepted socket over: it is in blocking mode, unlike its listener.
func newConn(h windows.Handle) (net.Conn, error) {
	if err := setNonblock(h, 0); err != nil {
		windows.Closesocket(h)
		return nil, err
	}
	return &conn{handle: h}, nil
}

// use keeps the handle open during a call: its number may be another's after that.
func (c *conn) use(call func() error) error {
	c.mu.Lock()
	if c.isClosed {
		c.mu.Unlock()
		return os.ErrClosed
	}
	c.users++
	c.mu.Unlock()
	err := call()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users--; c.isClosed && c.users == 0 {
		windows.Closesocket(c.handle)
	}
	return err
}

// Close ends the calls under way.
func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isClosed {
		return os.ErrClosed
	}
	c.isClosed = true
	if c.users == 0 {
		return windows.Closesocket(c.handle)
	}
	return windows.Shutdown(c.handle, windows.SHUT_RDWR)
}

// maxChunk is the most that one call reads or writes.
const maxChunk = 1 << 20

func (c *conn) Read(b []byte) (int, error) {
	var n, flags uint32
	if len(b) == 0 {
		return 0, nil
	}
	err := c.use(func() error {
		return windows.WSARecv(c.handle, &windows.WSABuf{Len: uint32(min(len(b), maxChunk)), Buf: unsafe.SliceData(b)}, 1, &n, &flags, nil, nil)
	})
	if err == nil && n == 0 {
		err = io.EOF
	}
	return int(n), err
}

func (c *conn) Write(b []byte) (written int, err error) {
	for written < len(b) && err == nil {
		var n uint32
		rest := b[written:]
		err = c.use(func() error {
			return windows.WSASend(c.handle, &windows.WSABuf{Len: uint32(min(len(rest), maxChunk)), Buf: unsafe.SliceData(rest)}, 1, &n, 0, nil, nil)
		})
		written += int(n)
	}
	return written, err
}

func (c *conn) CloseWrite() error {
	return c.use(func() error { return windows.Shutdown(c.handle, windows.SHUT_WR) })
}

func (c *conn) SetLinger(seconds int) error {
	return c.use(func() error {
		return windows.SetsockoptLinger(c.handle, windows.SOL_SOCKET, windows.SO_LINGER, &windows.Linger{Onoff: 1, Linger: int32(seconds)})
	})
}

func (c *conn) LocalAddr() net.Addr { return address(windows.Getsockname(c.handle)) }

func (c *conn) RemoteAddr() net.Addr { return address(windows.Getpeername(c.handle)) }

func address(sa windows.Sockaddr, _ error) net.Addr {
	addr, _ := addrPort(sa)
	return net.TCPAddrFromAddrPort(addr)
}

// There are no deadlines: who needs one closes the connection.
func (c *conn) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (c *conn) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (c *conn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }
