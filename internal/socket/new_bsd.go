//go:build unix && !linux

package socket

import "golang.org/x/sys/unix"

// newSocket needs no lock between its two calls: nothing here forks. macOS has no SOCK_CLOEXEC.
func newSocket(family, sotype int) (int, error) {
	fd, err := unix.Socket(family, sotype, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	return fd, err
}
