//go:build unix

package handoff

import (
	"errors"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/lowfds"
)

// PassesDescriptors tells that the command inherits its sockets.
const PassesDescriptors = true

// Reserve fills what is free of the count descriptors from 3 on, so that nothing else that this process
// opens lands there: a descriptor of the Go runtime's must not stand where a socket goes. What is open there
// already gives way to the sockets, but for what a variable names, as make's jobserver: that moves above them. Reserve
// returns environ with the new places, or without those that are not there. It comes before anything is opened.
// Its errors are *DescriptorError.
func Reserve(environ []string, count int) ([]string, error) {
	if count == 0 {
		return environ, nil
	}
	ours, err := fill(count)
	if err != nil {
		return nil, &DescriptorError{count, err}
	}
	if environ, err = evictPoller(environ, count, ours); err != nil {
		return nil, &DescriptorError{count, err}
	}
	moved := map[int]int{}
	environ = rewriteNamed(environ, func(fd int, k kind) (to int, isThere bool) {
		_, isMoved := moved[fd]
		switch {
		case isMoved || err != nil:
		case !stands(fd, k):
			return fd, k != pipe && !inRange(fd, count) // then it is in nobody's way
		case inRange(fd, count):
			moved[fd], err = above(fd, unix.F_DUPFD, count)
		}
		return at(moved, fd), true
	})
	if err != nil {
		return nil, &DescriptorError{count, err}
	}
	return environ, nil
}

// fill puts placeholders on those of the count descriptors from 3 on that are free, and reports which these are.
func fill(count int) (ours []bool, err error) {
	ours = make([]bool, count)
	growTable(count)
	for {
		fd, err := duplicate(0, unix.F_DUPFD_CLOEXEC, listenfds.Start)
		if err != nil {
			return nil, err
		}
		if !inRange(fd, count) {
			return ours, unix.Close(fd)
		}
		ours[fd-listenfds.Start] = true
	}
}

// growTable has the kernel make room for the sockets, and for their copies, at once: each time that it doubles the table of
// descriptors, it waits until no thread reads the old one, for milliseconds. Beyond the limit it does nothing. The first table has
// room for 64 descriptors.
func growTable(count int) {
	if listenfds.Start+2*count < 64 {
		return
	}
	if fd, err := duplicate(0, unix.F_DUPFD_CLOEXEC, listenfds.Start+2*count); err == nil {
		unix.Close(fd)
	}
}

// restarted is set in the environment of a systemfd that evictPoller has started.
const restarted = "systemfd_restarted"

// evictPoller starts this program again if the Go runtime's epoll or kqueue stands where a socket goes: package lowfds
// keeps it away from the first descriptors only. It polls from another thread at any time, and aborts on finding a
// socket there. It also begins at any time, with the first timer of the garbage collector's: so the range is full
// before we look. The second time that is so before main, by what stands there now.
func evictPoller(environ []string, count int, ours []bool) ([]string, error) {
	evict := false
	for fd := listenfds.Start; inRange(fd, count); fd++ {
		if ours[fd-listenfds.Start] || lowfds.Holds(fd) {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		evict = evict || err == nil && flags&unix.FD_CLOEXEC != 0
	}
	rest := slices.DeleteFunc(slices.Clone(environ), func(v string) bool { return strings.HasPrefix(v, restarted+"=") })
	switch {
	case !evict:
		return rest, nil
	case len(rest) < len(environ): // this is the second time
		return nil, errors.New("a descriptor of the Go runtime stands there")
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for fd := listenfds.Start; inRange(fd, count); fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return nil, err
		}
	}
	dropHandlers()
	return nil, unix.Exec(program, os.Args, append(os.Environ(), restarted+"=1"))
}

// stands reports whether what stands at fd is of a kind, and came from our parent: one with FD_CLOEXEC is the Go
// runtime's.
func stands(fd int, k kind) bool {
	var stat unix.Stat_t
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 || unix.Fstat(fd, &stat) != nil {
		return false
	}
	mode := stat.Mode & unix.S_IFMT
	switch k {
	case pipe:
		return mode == unix.S_IFIFO
	case file:
		return mode != unix.S_IFSOCK
	}
	_, err = unix.Getpeername(fd)
	return mode == unix.S_IFSOCK && err == nil
}

// above copies fd above the count descriptors of the sockets.
func above(fd, cmd, count int) (int, error) { return duplicate(fd, cmd, listenfds.Start+count) }

// duplicate copies fd to the first free number from first on.
func duplicate(fd, cmd, first int) (int, error) {
	copied, err := unix.FcntlInt(uintptr(fd), cmd, first)
	if errors.Is(err, unix.EINVAL) { // fcntl(2) says so of a number beyond the limit
		err = unix.EMFILE
	}
	return copied, err
}

func at(moved map[int]int, fd int) int {
	if to, ok := moved[fd]; ok {
		return to
	}
	return fd
}

// Become places the sockets at 3, 4, ..., without FD_CLOEXEC and with O_NONBLOCK as asked for, and becomes the command by
// execve(2). It returns only if that fails: an *ExecError if the command cannot be run.
func Become(c Command) error {
	fds := make([]int, len(c.Sockets))
	for i, s := range c.Sockets {
		fds[i] = s.FD
		if s.IsShared {
			continue
		}
		if err := unix.SetNonblock(s.FD, s.Nonblock); err != nil {
			return err
		}
	}
	environ := listenfds.Environ(c.Environ, c.Set)
	if c.Set.IsOnlyHeld {
		for _, fd := range fds {
			unix.CloseOnExec(fd)
		}
	} else if err := place(fds); err != nil {
		return err
	}
	if c.Inetd {
		if err := unix.Dup2(listenfds.Start, 0); err != nil {
			return err
		}
	}
	return exec(c.File, c.Argv, environ)
}

// place puts the descriptors fds at 3, 4, ... in their order, without FD_CLOEXEC. Exec has to follow at once.
func place(fds []int) error {
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

func (s step) run(from int) error {
	if from == s.to {
		_, err := unix.FcntlInt(uintptr(from), unix.F_SETFD, 0)
		return err
	}
	unix.CloseOnExec(from)
	return unix.Dup2(from, s.to)
}
