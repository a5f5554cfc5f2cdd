//go:build unix && !openbsd && !bsd

package lowfds

import "syscall"

func init() {
	for fd := range start {
		if flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0); errno == 0 && flags&syscall.O_NONBLOCK != 0 {
			fill(func() (int, bool) { return duplicate(fd) }, func(fd int) { syscall.Close(fd) })
			return
		}
	}
}

func duplicate(fd int) (int, bool) {
	placeholder, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, start)
	return int(placeholder), errno == 0
}
