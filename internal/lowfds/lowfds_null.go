//go:build openbsd || bsd

package lowfds

import "syscall"

// OpenBSD has no raw fcntl(2), so this cannot check whether a stream is non-blocking. It always fills the range.
func init() {
	fill(openNull, func(fd int) { syscall.Close(fd) })
}

// openNull never takes a standard stream that is closed: the runtime has opened those before.
func openNull() (int, bool) {
	fd, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	return fd, err == nil
}
