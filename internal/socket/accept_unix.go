//go:build unix

package socket

import (
	"errors"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Listener accepts connections. Unlike package net's it sets no option on them: they are as the kernel gives them.
type Listener struct{ file *os.File }

// NewListener accepts on a copy of the descriptor of s, in O_NONBLOCK, which is both's.
func NewListener(s Socket) (*Listener, error) {
	fd, err := unix.FcntlInt(uintptr(s.FD), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	unix.CloseOnExec(s.FD) // no child is to have it
	return &Listener{os.NewFile(uintptr(fd), s.Spec.Address())}, nil
}

// Accept waits for a connection and returns it, in blocking mode, and where it comes from: the zero AddrPort for a
// unix socket. After Close it fails.
func (l *Listener) Accept() (conn *os.File, from netip.AddrPort, err error) {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return nil, from, err
	}
	var fd int
	var peer unix.Sockaddr
	var acceptErr error
	err = raw.Read(func(listener uintptr) bool {
		fd, peer, acceptErr = accept(int(listener))
		for errors.Is(acceptErr, unix.EINTR) || errors.Is(acceptErr, unix.ECONNABORTED) {
			fd, peer, acceptErr = accept(int(listener))
		}
		return !errors.Is(acceptErr, unix.EAGAIN)
	})
	if err == nil {
		err = acceptErr
	}
	if err != nil {
		return nil, from, err
	}
	from, _ = addrPort(peer)
	return os.NewFile(uintptr(fd), "connection"), from, nil
}

// Close ends Accept.
func (l *Listener) Close() error { return l.file.Close() }
