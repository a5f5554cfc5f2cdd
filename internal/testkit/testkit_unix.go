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
