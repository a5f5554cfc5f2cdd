package socket

import "golang.org/x/sys/unix"

func newSocket(family, sotype int) (int, error) {
	return unix.Socket(family, sotype|unix.SOCK_CLOEXEC, 0)
}

// accept leaves the connection in blocking mode, whatever the listener is in.
func accept(fd int) (int, unix.Sockaddr, error) {
	return unix.Accept4(fd, unix.SOCK_CLOEXEC)
}

// These go beyond the system's limit, for who may: socket(7).
const (
	hasForce           = true
	forceReceiveBuffer = unix.SO_RCVBUFFORCE
	forceSendBuffer    = unix.SO_SNDBUFFORCE
)

// hasAbstract tells that a unix socket can do without a file: unix(7).
const hasAbstract = true

var passCredentials = option(unix.SOL_SOCKET, unix.SO_PASSCRED, 1)

// freeBind is ip(7)'s IP_FREEBIND, or its like in ipv6(7).
func freeBind(family int) socketOption {
	if family == unix.AF_INET6 {
		return option(unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1)
	}
	return option(unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
}

// MaxRights is SCM_MAX_FD of the kernel, the most descriptors that one message carries.
const MaxRights = 253

const (
	recvFlags = unix.MSG_CMSG_CLOEXEC
	noSignal  = unix.MSG_NOSIGNAL
)

// isShutDown reports whether shutdown(2) was called on a unix socket: nobody can connect to it any more, though
// SO_ACCEPTCONN still says that it listens.
func isShutDown(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&unix.POLLRDHUP != 0
}

// waiting asks tcp(7), and sock_diag(7) for unix sockets.
func waiting(fd int) int {
	if info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
		return int(info.Unacked)
	}
	if d, err := diagnoseFD(fd); err == nil && listening(fd) {
		return d.waiting
	}
	return -1
}
