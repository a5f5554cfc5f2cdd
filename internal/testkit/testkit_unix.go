//go:build unix

package testkit

import (
	"errors"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// DeadSocket leaves a socket at path that nobody has open. No child that a test beside this one starts gets it, either.
func DeadSocket(path string, sotype int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(unix.AF_UNIX, sotype, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Close(fd))
}

// Inode returns that of an open file.
func Inode(t testing.TB, fd int) uint64 {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		t.Fatal(err)
	}
	return uint64(stat.Ino)
}

// Descriptors counts what this process has open. Nothing else may run meanwhile.
func Descriptors(testing.TB) (open int) {
	for fd := range uintptr(1 << 16) {
		if _, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err == nil {
			open++
		}
	}
	return open
}

// Exhaust takes all descriptors that this process may have, but for free ones, until undo is called. Nothing else may run
// meanwhile.
func Exhaust(t testing.TB, free int) (undo func()) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	lower := limit
	lower.Cur = 128
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lower); err != nil {
		t.Fatal(err)
	}
	var taken []int
	for {
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			break
		}
		taken = append(taken, fd)
	}
	for range free {
		unix.Close(taken[len(taken)-1])
		taken = taken[:len(taken)-1]
	}
	return func() {
		for _, fd := range taken {
			unix.Close(fd)
		}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}
}
