package socket

import (
	"net"
	"os"

	"golang.org/x/sys/windows"
)

// conn is a connection on its file. Package net would make a copy, and for that take the handle from the completion port that the
// file is bound to: Windows does that since 8.1, and Wine does not.
type conn struct {
	*os.File
	handle windows.Handle
}

func newConn(f *os.File) (net.Conn, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := conn{File: f}
	err = raw.Control(func(fd uintptr) { c.handle = windows.Handle(fd) })
	return c, err
}

func (c conn) LocalAddr() net.Addr { return address(windows.Getsockname(c.handle)) }

func (c conn) RemoteAddr() net.Addr { return address(windows.Getpeername(c.handle)) }

func address(sa windows.Sockaddr, _ error) net.Addr {
	addr, _ := addrPort(sa)
	return net.TCPAddrFromAddrPort(addr)
}

func (c conn) CloseWrite() error { return windows.Shutdown(c.handle, windows.SHUT_WR) }

func (c conn) SetLinger(seconds int) error {
	return windows.SetsockoptLinger(c.handle, windows.SOL_SOCKET, windows.SO_LINGER, &windows.Linger{Onoff: 1, Linger: int32(seconds)})
}
