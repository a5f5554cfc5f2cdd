//go:build unix

package handoff

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Start starts a command as a child, with files as its descriptors 0, 1, ... A script without #! goes to /bin/sh, as
// with Exec. Its errors are *ExecError.
func Start(file string, argv, environ []string, files []uintptr) (pid int, err error) {
	attr := &syscall.ProcAttr{Env: environ, Files: files}
	pid, err = syscall.ForkExec(file, argv, attr)
	if errors.Is(err, unix.ENOEXEC) {
		pid, err = syscall.ForkExec("/bin/sh", append([]string{"/bin/sh", file}, argv[1:]...), attr)
	}
	if err != nil {
		return 0, &ExecError{argv[0], err}
	}
	return pid, nil
}

// Reap waits until any child ends; it says no where there is none. One thread waits for all, where os.Process takes
// one for each.
func Reap() (pid int, ok bool) {
	for {
		pid, err := unix.Wait4(-1, nil, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			return pid, err == nil
		}
	}
}

// Signal sends s to a child.
func Signal(pid int, s os.Signal) {
	if number, ok := s.(syscall.Signal); ok {
		unix.Kill(pid, number) // it may have ended
	}
}

// IsShort reports whether err is a want of descriptors, processes or memory, which passes.
func IsShort(err error) bool {
	for _, short := range []error{unix.EMFILE, unix.ENFILE, unix.EAGAIN, unix.ENOMEM, unix.ENOBUFS} {
		if errors.Is(err, short) {
			return true
		}
	}
	return false
}
