//go:build unix

package socket

import (
	"errors"

	"golang.org/x/sys/unix"
)

// kernel has the system calls whose results on macOS and the BSDs differ from those on Linux. With the tag bsd, Linux gives their
// results: fake_linux.go.
var kernel = struct {
	socket     func(family, sotype, protocol int) (int, error)
	bind       func(fd int, sa unix.Sockaddr) error
	listen     func(fd, backlog int) error
	connect    func(fd int, sa unix.Sockaddr) error
	accept     func(fd int) (int, unix.Sockaddr, error)
	getsockopt func(fd, level, name int) (int, error)
	setsockopt func(fd, level, name, value int) error
	sendmsg    func(fd int, text, oob []byte, to unix.Sockaddr, flags int) (int, error)
	recvmsg    func(fd int, text, oob []byte, flags int) (n, oobn, recvflags int, from unix.Sockaddr, err error)
	listensTCP func(fd int) (bool, error) // for a system that has no SO_ACCEPTCONN
}{
	socket: unix.Socket, bind: unix.Bind, listen: unix.Listen, connect: unix.Connect, accept: unix.Accept,
	getsockopt: unix.GetsockoptInt, setsockopt: unix.SetsockoptInt, sendmsg: unix.SendmsgN, recvmsg: unix.Recvmsg,
	listensTCP: func(int) (bool, error) { return false, errors.ErrUnsupported },
}
