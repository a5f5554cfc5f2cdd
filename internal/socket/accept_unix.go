//go:build unix

package socket

import (
	"errors"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// listener is a Listener whose Accept waits in the runtime's poller.
type listener struct {
	file     *os.File
	nonblock bool // connections have O_NONBLOCK
}

func newListener(s Socket, nonblock bool) (Listener, error) {
	fd, err := unix.FcntlInt(uintptr(s.FD), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	unix.CloseOnExec(s.FD) // no child is to have it
	return &listener{os.NewFile(uintptr(fd), s.Spec.Address()), nonblock}, nil
}

func (l *listener) Accept() (conn *os.File, from netip.AddrPort, err error) { return l.accept(true) }

func (l *listener) TryAccept() (conn func() (net.Conn, error), err error) {
	accepted, _, err := l.accept(false)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return func() (net.Conn, error) {
		defer accepted.Close()
		return net.FileConn(accepted)
	}, nil
}

func (l *listener) Wait() error {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(own uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(own), Events: unix.POLLIN}}, 0)
		return err == nil && n > 0
	})
}

func (l *listener) accept(waits bool) (conn *os.File, from netip.AddrPort, err error) {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return nil, from, err
	}
	var fd int
	var peer unix.Sockaddr
	var acceptErr error
	err = raw.Read(func(own uintptr) bool {
		fd, peer, acceptErr = accept(int(own))
		for errors.Is(acceptErr, unix.EINTR) || errors.Is(acceptErr, unix.ECONNABORTED) {
			fd, peer, acceptErr = accept(int(own))
		}
		return !waits || !errors.Is(acceptErr, unix.EAGAIN)
	})
	if err == nil {
		err = acceptErr
	}
	if err != nil {
		return nil, from, err
	}
	from, _ = addrPort(peer)
	conn = os.NewFile(uintptr(fd), "connection")
	if l.nonblock { // only now: the runtime's poller is to have nothing to do with it
		unix.SetNonblock(fd, true)
	}
	return conn, from, nil
}

func (l *listener) Close() error { return l.file.Close() }
