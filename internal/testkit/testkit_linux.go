package testkit

import (
	"runtime"
	"syscall"
)

// As runs f on a thread that is another user's, for which this has to be root. The thread ends with it.
func As(uid int, f func() error) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)      // also if f ends the test
		runtime.LockOSThread() // and never unlocks
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
			err = errno
			return
		}
		err = f()
	}()
	<-done
	return err
}
