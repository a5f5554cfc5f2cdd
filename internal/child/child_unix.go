//go:build unix

package child

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func init() { platform = &system{hasRoom, start, kill, waitForAny, notify} }

func start(file string, argv, environ []string, files []uintptr) (pid int, err error) {
	attr := &syscall.ProcAttr{Env: environ, Files: files}
	pid, err = syscall.ForkExec(file, argv, attr)
	if errors.Is(err, unix.ENOEXEC) {
		pid, err = syscall.ForkExec("/bin/sh", append([]string{"/bin/sh", file}, argv[1:]...), attr)
	}
	return pid, err
}

// kill sends s to a child, which may have ended.
func kill(pid int, s os.Signal) {
	if number, ok := s.(syscall.Signal); ok {
		unix.Kill(pid, number)
	}
}

func waitForAny() (pid int, err error) {
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		pid, err = unix.Wait4(-1, nil, 0, nil)
	}
	return pid, err
}

func hasRoom(count int) error {
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	fds := []int{null}
	for err == nil && len(fds) < count {
		var fd int
		if fd, err = unix.FcntlInt(uintptr(null), unix.F_DUPFD_CLOEXEC, 0); err == nil {
			fds = append(fds, fd)
		}
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
	return err
}

// notifyWithin is how long a service manager may be busy: the queue of a socket that nobody reads stays full. A test waits
// less.
var notifyWithin = unix.Timeval{Sec: 5}

// notify sends one datagram to the socket of a service manager.
func notify(address, state string) error {
	if len(address) >= len(unix.RawSockaddrUnix{}.Path) {
		return unix.ENAMETOOLONG
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	unix.CloseOnExec(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &notifyWithin); err != nil {
		return err
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Sendto(fd, []byte(state), 0, &unix.SockaddrUnix{Name: address})
	}
	return err
}
