package handoff

import (
	"os/signal"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dropHandlers makes signals end this process by default again, without the handlers of the Go runtime. Otherwise a signal could be
// lost while execve(2) ends all other threads, together with the thread that was about to handle it. The command would go on.
func dropHandlers() {
	var byDefault [8]uintptr // at least a sigaction of the kernel, all 0: SIG_DFL
	for _, s := range []syscall.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM} {
		if !signal.Ignored(s) {
			unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&byDefault)), 0, 8, 0, 0)
		}
	}
}
