//go:build unix && !linux

package process

import "golang.org/x/sys/unix"

// kqueue is a kqueue(2) with a NOTE_EXIT filter for each process. The filter goes with its end.
type kqueue int

// openSource needs no lock: a kqueue is not inherited by fork(2).
func openSource() (source, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	return kqueue(fd), nil
}

// add looks for the process again afterwards: macOS does not report an end that happened while the filter was being added, and FreeBSD
// also adds the filter for a zombie.
func (k kqueue) add(pid int) error {
	if err := k.change(pid, unix.EV_ADD|unix.EV_ONESHOT); err != nil {
		return err
	}
	if !IsAlive(pid) {
		k.remove(pid)
		return unix.ESRCH
	}
	return nil
}

func (k kqueue) remove(pid int) { k.change(pid, unix.EV_DELETE) }

func (k kqueue) change(pid, flags int) error {
	var event unix.Kevent_t
	unix.SetKevent(&event, pid, unix.EVFILT_PROC, flags)
	event.Fflags = unix.NOTE_EXIT
	_, err := unix.Kevent(int(k), []unix.Kevent_t{event}, nil, nil)
	return err
}

func (k kqueue) take() (ended []int) {
	events := make([]unix.Kevent_t, 16)
	for {
		n, err := unix.Kevent(int(k), nil, events, &unix.Timespec{})
		if err == unix.EINTR {
			continue
		}
		for i := range max(n, 0) {
			ended = append(ended, int(events[i].Ident))
		}
		if n < len(events) {
			return ended
		}
	}
}

// wait sleeps in poll(2), which leaves the events in the queue.
func (k kqueue) wait() error {
	ready := []unix.PollFd{{Fd: int32(k), Events: unix.POLLIN}}
	_, err := unix.Poll(ready, -1)
	switch {
	case err == unix.EINTR:
		return nil
	case err == nil && ready[0].Revents != unix.POLLIN:
		return unix.EBADF
	}
	return err
}
