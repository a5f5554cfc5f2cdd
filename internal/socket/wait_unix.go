//go:build unix

package socket

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Wait returns when a connection or a datagram waits on any of sockets. It takes nothing from them.
func Wait(sockets []Socket) error {
	var fds []unix.PollFd
	for _, s := range sockets {
		fds = append(fds, unix.PollFd{Fd: int32(s.FD), Events: unix.POLLIN})
	}
	for {
		if _, err := unix.Poll(fds, -1); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
