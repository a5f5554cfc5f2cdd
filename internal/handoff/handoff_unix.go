//go:build unix

package handoff

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/listenfds"
)

// Reserve fills what is free of the count descriptors from 3 on, so that nothing else that this process
// opens lands there: a descriptor of the Go runtime's must not stand where a socket goes. What is open there
// already gives way to the sockets, but for make's jobserver, which moves above them. Reserve returns environ
// with the jobserver's new place, or without it where its pipe is not open. It comes before anything is opened.
// Its errors are *DescriptorError.
func Reserve(environ []string, count int) ([]string, error) {
	if count == 0 {
		return environ, nil
	}
	if err := evictPoller(count); err != nil {
		return nil, &DescriptorError{count, err}
	}
	moved := map[int]int{}
	var liftErr error
	environ = rewriteJobserver(environ, func(r, w int) (int, int, bool) {
		if !isPipe(r) || !isPipe(w) {
			return 0, 0, false
		}
		for _, fd := range []int{r, w} {
			if _, done := moved[fd]; done || !inRange(fd, count) {
				continue
			}
			if moved[fd], liftErr = above(fd, unix.F_DUPFD, count); liftErr != nil {
				return 0, 0, false
			}
		}
		return at(moved, r), at(moved, w), true
	})
	if liftErr != nil {
		return nil, &DescriptorError{count, liftErr}
	}
	for {
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, listenfds.Start)
		if err != nil {
			return nil, &DescriptorError{count, err}
		}
		if !inRange(fd, count) {
			return environ, unix.Close(fd)
		}
	}
}

// evictPoller starts this program again where the Go runtime's epoll or kqueue stands where a socket goes: with a
// standard stream in O_NONBLOCK it opens one before main, at 3 where that is free, polls it from another thread at
// any time, and aborts on finding a socket there. The second time all of the range is taken before main, by what
// stands there now.
func evictPoller(count int) error {
	evict := false
	for fd := listenfds.Start; inRange(fd, count); fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		evict = evict || err == nil && flags&unix.FD_CLOEXEC != 0
	}
	if !evict {
		return nil
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for fd := listenfds.Start; inRange(fd, count) && err == nil; fd++ {
		if _, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); errors.Is(err, unix.EBADF) {
			_, err = unix.FcntlInt(uintptr(null), unix.F_DUPFD, fd)
		}
	}
	if err != nil {
		return err
	}
	return unix.Exec(program, os.Args, os.Environ())
}

// isPipe reports whether fd was an open pipe when this process started; one with FD_CLOEXEC is the Go runtime's.
func isPipe(fd int) bool {
	var stat unix.Stat_t
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0 && unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFIFO
}

// above copies fd above the count descriptors of the sockets.
func above(fd, cmd, count int) (int, error) {
	return unix.FcntlInt(uintptr(fd), cmd, listenfds.Start+count)
}

func at(moved map[int]int, fd int) int {
	if to, ok := moved[fd]; ok {
		return to
	}
	return fd
}

// SetNonblock sets or clears O_NONBLOCK of each of fds. The flag belongs to the open file description: it outlives
// the server that set it, and clearing it under one that lives freezes that server.
func SetNonblock(fds []int, nonblock bool) error {
	for _, fd := range fds {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err == nil && (flags&unix.O_NONBLOCK != 0) != nonblock {
			err = unix.SetNonblock(fd, nonblock)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Place puts the descriptors fds at 3, 4, ... in their order, without FD_CLOEXEC. Exec has to follow at once.
func Place(fds []int) error {
	lift, steps := plan(fds)
	moved := map[int]int{}
	for _, fd := range lift {
		var err error
		if moved[fd], err = above(fd, unix.F_DUPFD_CLOEXEC, len(fds)); err != nil {
			return err
		}
	}
	for _, s := range steps {
		if err := s.run(at(moved, s.from)); err != nil {
			return err
		}
	}
	return nil
}

// OnStdin puts a copy of the descriptor fd at 0, as inetd(8) does.
func OnStdin(fd int) error { return dup(fd, 0) }

func (s step) run(from int) error {
	if from == s.to {
		_, err := unix.FcntlInt(uintptr(from), unix.F_SETFD, 0)
		return err
	}
	unix.CloseOnExec(from)
	return dup(from, s.to)
}
