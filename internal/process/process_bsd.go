//go:build unix && !linux

package process

import "golang.org/x/sys/unix"

// isAlive asks kill(2), which finds a zombie too.
func isAlive(pid int) bool {
	_, _, isZombie := look(pid)
	return unix.Kill(pid, 0) != unix.ESRCH && !isZombie
}

// pidfdID is "": only Linux has pidfds with an inode of their own.
func pidfdID() string { return "" }
