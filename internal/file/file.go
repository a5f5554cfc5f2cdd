// Package file reads and writes whole files by plain system calls. Package os would put each into the runtime's poller, which takes
// descriptors of its own. At the limit of open files the runtime then ends the program.
//
// Its errors are those of the system, without the path.
package file

import (
	"errors"
	"syscall"
	"time"
)

// Read returns the content of a file.
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

// Create makes a file with text. The file must not exist before.
func Create(path string, text []byte, perm uint32) error {
	return write(path, syscall.O_CREAT|syscall.O_EXCL, text, perm)
}

// Write writes text to an existing file: a fifo or a terminal.
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

// Stream writes by plain system calls. A write to os.Stdout or os.Stderr would end this program by SIGPIPE if the reader is gone,
// before it has run the command or removed the files that it made.
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
