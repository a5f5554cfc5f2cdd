package process

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// pidfds is an epoll(7) with a pidfd of each process, which is readable once that has ended: pidfd_open(2), Linux 5.3.
type pidfds struct {
	epoll int
	of    map[int]int // by number
}

func openSource() (source, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &pidfds{epoll, map[int]int{}}, nil
}

func (s *pidfds) add(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	if err := s.addFD(pid, fd); err != nil {
		unix.Close(fd)
		return err
	}
	s.of[pid] = fd
	return nil
}

// addFD names epoll(7) in its errors, because the cause is memory or max_user_watches, not a limit of processes.
func (s *pidfds) addFD(pid, fd int) error {
	if hasEnded(fd) {
		return unix.ESRCH
	}
	if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(pid)}); err != nil {
		return fmt.Errorf("epoll(7): %w", err)
	}
	return nil
}

// remove takes the pidfd out of the epoll first: a child that has not called exec yet keeps it open.
func (s *pidfds) remove(pid int) {
	unix.EpollCtl(s.epoll, unix.EPOLL_CTL_DEL, s.of[pid], nil)
	unix.Close(s.of[pid])
	delete(s.of, pid)
}

func (s *pidfds) take() (ended []int) {
	events := make([]unix.EpollEvent, 16)
	for {
		n, _ := unix.EpollWait(s.epoll, events, 0)
		for i := range max(n, 0) {
			pid := int(events[i].Fd)
			s.remove(pid)
			ended = append(ended, pid)
		}
		if n < len(events) {
			return ended
		}
	}
}

// wait takes nothing: a pidfd stays readable.
func (s *pidfds) wait() error {
	_, err := unix.EpollWait(s.epoll, make([]unix.EpollEvent, 1), -1)
	if err == unix.EINTR {
		return nil
	}
	return err
}

// hasEnded reports whether the process of a pidfd has ended.
func hasEnded(pidfd int) bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 0)
	return n > 0
}
