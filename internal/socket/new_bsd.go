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

// hasAbstract tells that a unix socket needs a file here.
const hasAbstract = false

// passCredentials is Linux's alone.
var passCredentials socketOption

// freeBind is Linux's alone.
func freeBind(int) socketOption { return socketOption{} }
