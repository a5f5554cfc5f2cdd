package process

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// source is a pidfd, which is readable once its process has ended: pidfd_open(2), Linux 5.3. The runtime's poller
// waits for it, and no thread does.
type source struct{ pidfd *os.File }

func (w *Watch) start() error {
	fd, err := openPidfd(w.pid)
	if err != nil {
		return err
	}
	return w.waitFor(fd)
}

// openPidfd opens a pidfd that does not block, as the poller wants it.
func openPidfd(pid int) (int, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err == unix.EINVAL { // before Linux 5.10 there is no such flag
		return openPidfd53(pid)
	}
	return fd, err
}

func openPidfd53(pid int) (int, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// waitFor owns fd, whether it fails or not.
func (w *Watch) waitFor(fd int) error {
	w.pidfd = os.NewFile(uintptr(fd), "pidfd")
	err := w.checkPolled()
	if err == nil && hasEnded(uintptr(fd)) {
		err = unix.ESRCH
	}
	if err != nil {
		w.pidfd.Close()
		return err
	}
	go w.wait()
	return nil
}

// checkPolled returns an error if the poller did not take the pidfd: epoll_ctl(2) may lack memory, or reach
// max_user_watches of epoll(7). os.NewFile does not say so, and nothing would ever wait for the end.
func (w *Watch) checkPolled() error {
	if w.pidfd.SetReadDeadline(time.Time{}) != nil {
		return errors.New("epoll(7) does not take its pidfd")
	}
	return nil
}

// wait returns when the process has ended, or when release has closed the pidfd.
func (w *Watch) wait() {
	raw, err := w.pidfd.SyscallConn()
	if err == nil && raw.Read(hasEnded) == nil {
		w.end()
	}
}

func (w *Watch) isRunning() bool {
	isAlive := false
	if raw, err := w.pidfd.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { isAlive = !hasEnded(fd) })
	}
	return isAlive
}

func (w *Watch) release() { w.pidfd.Close() }

// hasEnded reports whether the process of a pidfd has ended.
func hasEnded(pidfd uintptr) bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 0)
	return n > 0
}
