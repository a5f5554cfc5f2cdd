//go:build unix

package child

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func init() { platform = &system{hasRoom, start, kill, waitForAny, notify, hasSent} }

func start(c Command) (pid int, err error) {
	attr := &syscall.ProcAttr{Env: c.Environ, Files: c.Files}
	if c.DiesWithUs {
		attr.Sys = dieWithUs
	}
	pid, err = syscall.ForkExec(c.File, c.Argv, attr)
	if errors.Is(err, unix.ENOEXEC) {
		pid, err = syscall.ForkExec("/bin/sh", append([]string{"/bin/sh", c.File}, c.Argv[1:]...), attr)
	}
	return pid, err
}

// kill sends s to a child, which may have ended.
func kill(pid int, s os.Signal) {
	if number, ok := s.(syscall.Signal); ok {
		unix.Kill(pid, number)
	}
}

func waitForAny() (pid int, end Status, err error) {
	var status unix.WaitStatus
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		pid, err = unix.Wait4(-1, &status, 0, nil)
	}
	if status.Signaled() {
		return pid, Status{Signal: status.Signal()}, err
	}
	return pid, Status{Code: status.ExitStatus()}, err
}

// hasSent reports whether a terminal sends this signal to its foreground process group, and that is the group of us and our children.
func hasSent(s os.Signal) bool {
	if s != unix.SIGINT && s != unix.SIGQUIT {
		return false
	}
	tty, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false // there is no terminal
	}
	defer unix.Close(tty)
	group, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
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

// notifyWithin limits the wait for a busy service manager: the queue of a socket that nobody reads stays full. Tests set it lower.
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
