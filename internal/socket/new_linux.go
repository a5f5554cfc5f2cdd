package socket

import "golang.org/x/sys/unix"

func newSocket(family, sotype int) (int, error) {
	return unix.Socket(family, sotype|unix.SOCK_CLOEXEC, 0)
}

// hasAbstract tells that a unix socket can do without a file: unix(7).
const hasAbstract = true

var passCredentials = socketOption{unix.SOL_SOCKET, unix.SO_PASSCRED, 1}

// freeBind is ip(7)'s IP_FREEBIND, or its like in ipv6(7).
func freeBind(family int) socketOption {
	if family == unix.AF_INET6 {
		return socketOption{unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1}
	}
	return socketOption{unix.IPPROTO_IP, unix.IP_FREEBIND, 1}
}
