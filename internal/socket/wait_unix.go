//go:build unix

package socket

import (
	"errors"

	"golang.org/x/sys/unix"
)

func wait(sockets []Socket) error {
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
