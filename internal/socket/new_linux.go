package socket

import "golang.org/x/sys/unix"

func newSocket(family, sotype int) (int, error) {
	return unix.Socket(family, sotype|unix.SOCK_CLOEXEC, 0)
}
