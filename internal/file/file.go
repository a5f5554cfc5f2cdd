// Package file reads and writes whole files by plain system calls. Package os would put each into the runtime's poller,
// which then takes descriptors of its own: at the limit of open files the runtime ends the program.
//
// Its errors are those of the system, without the path.
package file

import (
	"errors"
	"syscall"
)

// Read returns what a file has.
func Read(path string) ([]byte, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	text, buf := []byte{}, make([]byte, 4096)
	for {
		n, err := syscall.Read(fd, buf)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return nil, err
		case n <= 0:
			return text, nil
		default:
			text = append(text, buf[:n]...)
		}
	}
}

// Create makes a file that has text, and must not be there before.
func Create(path string, text []byte, perm uint32) error {
	return write(path, syscall.O_CREAT|syscall.O_EXCL, text, perm)
}

// Write writes text to a file that is there: a fifo or a terminal.
func Write(path string, text []byte) error { return write(path, 0, text, 0) }

func write(path string, flags int, text []byte, perm uint32) error {
	fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_CLOEXEC|flags, perm)
	if err != nil {
		return err
	}
	for len(text) > 0 && err == nil {
		var n int
		n, err = syscall.Write(fd, text)
		if errors.Is(err, syscall.EINTR) {
			err = nil
		}
		text = text[max(n, 0):]
	}
	if closeErr := syscall.Close(fd); err == nil {
		err = closeErr
	}
	return err
}
