package handoff

import (
	"os/signal"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dropHandlers has the kernel end this process by signals again. The Go runtime handles them, and a signal that comes while
// execve(2) ends all other threads would be lost with the thread that was about to handle it: the command would go on.
func dropHandlers() {
	var byDefault [8]uintptr // at least a sigaction of the kernel, all 0: SIG_DFL
	for _, s := range []syscall.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM} {
		if !signal.Ignored(s) {
			unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&byDefault)), 0, 8, 0, 0)
		}
	}
}
