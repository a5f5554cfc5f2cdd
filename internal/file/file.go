// Package file reads and writes whole files by plain system calls. Package os would put each into the runtime's poller,
// which then takes descriptors of its own: at the limit of open files the runtime ends the program.
//
// Its errors are those of the system, without the path.
package file

import (
	"errors"
	"syscall"
	"time"
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
	_, err = Stream(func(text []byte) (int, error) { return syscall.Write(fd, text) }).Write(text)
	if closeErr := syscall.Close(fd); err == nil {
		err = closeErr
	}
	return err
}

// Stream writes by plain system calls: a write to os.Stdout or os.Stderr whose reader is gone would end this program by
// SIGPIPE, before it has run the command or removed what it made.
type Stream func(text []byte) (n int, err error)

// Write writes all of text. It waits while a non-blocking stream is full.
func (write Stream) Write(text []byte) (written int, err error) {
	for written < len(text) {
		n, err := write(text[written:])
		switch {
		case errors.Is(err, syscall.EAGAIN):
			time.Sleep(time.Millisecond)
		case err != nil && !errors.Is(err, syscall.EINTR):
			return written, err
		}
		written += max(n, 0)
	}
	return written, nil
}
