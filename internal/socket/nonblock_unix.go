//go:build unix

package socket

import "golang.org/x/sys/unix"

// SetNonblock sets or clears O_NONBLOCK. The flag belongs to the open file description: it outlives the server that set
// it, and clearing it under one that lives freezes that server.
func SetNonblock(fd int, nonblock bool) error {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err == nil && (flags&unix.O_NONBLOCK != 0) != nonblock {
		err = unix.SetNonblock(fd, nonblock)
	}
	return err
}
