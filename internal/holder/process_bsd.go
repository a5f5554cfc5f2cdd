//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package holder

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// watchProcess waits on a kqueue(2) for NOTE_EXIT. A watch that is stopped waits on, in silence, until the process
// ends: closing a kqueue does not wake who waits on it.
func watchProcess(pid int, ended func()) (*watched, error) {
	kq, err := unix.Kqueue()
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(kq)
	var event unix.Kevent_t
	unix.SetKevent(&event, pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	event.Fflags = unix.NOTE_EXIT
	if _, err := unix.Kevent(kq, []unix.Kevent_t{event}, nil, nil); err != nil {
		unix.Close(kq)
		return nil, err
	}
	var stopped atomic.Bool
	go func() {
		defer unix.Close(kq)
		for {
			n, err := unix.Kevent(kq, nil, make([]unix.Kevent_t, 1), nil)
			if err == unix.EINTR {
				continue
			}
			if n > 0 && !stopped.Load() {
				ended()
			}
			return
		}
	}()
	alive := func() bool { return lives(pid) }
	return &watched{pid, alive, func() { stopped.Store(true) }}, nil
}

// lives reports whether a process runs.
func lives(pid int) bool { return unix.Kill(pid, 0) != unix.ESRCH }

// processName is not known: only Linux tells without a library.
func processName(int) string { return "" }

// waiting is not known: only Linux tells.
func waiting(int) int { return -1 }

// PIDFDID is Linux's alone.
func PIDFDID() string { return "" }
