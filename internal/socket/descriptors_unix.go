//go:build unix

package socket

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/file"
)

// SetNonblock sets or clears O_NONBLOCK. The flag belongs to the open file description: it outlives the server that set
// it, and clearing it under one that lives freezes that server.
func SetNonblock(fd int, nonblock bool) error { return unix.SetNonblock(fd, nonblock) }

// Stream writes to a descriptor.
func Stream(fd int) file.Stream {
	return func(text []byte) (int, error) { return unix.Write(fd, text) }
}

// HasRoom returns an error if fewer than count descriptors can be opened.
func HasRoom(count int) error {
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	fds := []int{null}
	defer func() { CloseAll(fds) }()
	for len(fds) < count {
		fd, err := unix.FcntlInt(uintptr(null), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return err
		}
		fds = append(fds, fd)
	}
	return nil
}
