//go:build bsd

package socket

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// With the tag bsd, Linux gives the answers of macOS and the BSDs: for each call those of the system that can do the least. The rest of
// such a program is the code that runs there.
func init() {
	kernel.socket, kernel.bind, kernel.listen, kernel.connect = fakeSocket, fakeBind, fakeListen, fakeConnect
	kernel.accept, kernel.getsockopt, kernel.listensTCP = fakeAccept, fakeGetsockopt, fakeListensTCP
	kernel.sendmsg, kernel.recvmsg = fakeSendmsg, fakeRecvmsg
}

// fakeSocket knows no unix seqpacket sockets, as macOS.
func fakeSocket(family, sotype, protocol int) (int, error) {
	if family == unix.AF_UNIX && sotype == unix.SOCK_SEQPACKET {
		return -1, unix.EPROTONOSUPPORT
	}
	return unix.Socket(family, sotype, protocol)
}

// fakeBind accepts an address that overlaps with another one, if the socket has SO_REUSEADDR. Linux does so only if both sockets have
// SO_REUSEPORT, so the other socket needs it too.
func fakeBind(fd int, sa unix.Sockaddr) error {
	if hasLongPath(sa) {
		return unix.EINVAL
	}
	err := unix.Bind(fd, sa)
	reuses, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR)
	addr, isInet := addrPort(sa)
	if !errors.Is(err, unix.EADDRINUSE) || reuses == 0 || !isInet || listensAt(addr) {
		return err
	}
	return errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1), unix.Bind(fd, sa))
}

// hasLongPath reports whether a path does not fit into a sun_path of 104 bytes.
func hasLongPath(sa unix.Sockaddr) bool {
	path, ok := sa.(*unix.SockaddrUnix)
	return ok && len(path.Name) >= 104
}

// listensAt reports whether somebody listens at exactly this address.
func listensAt(addr netip.AddrPort) bool {
	match := func(fields []string) bool {
		other, ok := parseHexAddr(fields[1])
		return ok && other == addr
	}
	return len(inodesIn("/proc/net/tcp", 9, match))+len(inodesIn("/proc/net/tcp6", 9, match)) > 0
}

// fakeListen knows kern.ipc.somaxconn.
func fakeListen(fd, backlog int) error { return unix.Listen(fd, min(backlog, 128)) }

// fakeConnect refuses if the queue is full.
func fakeConnect(fd int, sa unix.Sockaddr) error {
	if hasLongPath(sa) {
		return unix.EINVAL
	}
	err := unix.Connect(fd, sa)
	if isUnix(sa) && errors.Is(err, unix.EAGAIN) {
		return unix.ECONNREFUSED
	}
	return err
}

// fakeAccept gives a connection the O_NONBLOCK of its listener.
func fakeAccept(fd int) (int, unix.Sockaddr, error) {
	conn, from, err := unix.Accept(fd)
	if err == nil {
		err = unix.SetNonblock(conn, isNonblock(fd))
	}
	return conn, from, err
}

// fakeGetsockopt has no SO_ACCEPTCONN, as macOS.
func fakeGetsockopt(fd, level, name int) (int, error) {
	if level == unix.SOL_SOCKET && name == unix.SO_ACCEPTCONN {
		return 0, unix.ENOPROTOOPT
	}
	return unix.GetsockoptInt(fd, level, name)
}

func fakeListensTCP(fd int) (bool, error) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	const listen = 10 // TCP_LISTEN of net/tcp_states.h
	return err == nil && info.State == listen, err
}

// fakeSendmsg refuses 127 descriptors and more, as OpenBSD.
func fakeSendmsg(fd int, text, oob []byte, to unix.Sockaddr, flags int) (int, error) {
	if len(oob) >= unix.CmsgSpace(4*127) {
		return 0, unix.E2BIG
	}
	return unix.SendmsgN(fd, text, oob, to, flags)
}

// fakeRecvmsg takes all descriptors of a message, or fails.
func fakeRecvmsg(fd int, text, oob []byte, flags int) (n, oobn, recvflags int, from unix.Sockaddr, err error) {
	n, oobn, recvflags, from, err = unix.Recvmsg(fd, text, oob, flags)
	if err == nil && recvflags&unix.MSG_CTRUNC != 0 {
		fds, _ := parseRights(oob[:oobn])
		CloseAll(fds)
		return 0, 0, 0, nil, unix.EMSGSIZE
	}
	return n, oobn, recvflags, from, err
}
