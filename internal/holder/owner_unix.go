//go:build unix

package holder

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// DefaultOwner is the process that a claim of ours lasts as long as: the leader of our parent's process group,
// which is the interactive shell, or the script itself in a script; else the leader of the session; else the parent.
func DefaultOwner() int {
	parent := os.Getppid()
	if group, err := unix.Getpgid(parent); err == nil && isOwner(group) {
		return group
	}
	if session, err := unix.Getsid(0); err == nil && isOwner(session) {
		return session
	}
	return parent
}

// isOwner reports whether pid lives and is somebody else; 0 is a process outside our pid namespace.
func isOwner(pid int) bool {
	return pid > 0 && pid != os.Getpid() && lives(pid)
}

// isFriend reports whether the other end is the same user, or root.
func isFriend(conn *net.UnixConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	uid, credErr := -1, error(nil)
	err = raw.Control(func(fd uintptr) { uid, credErr = peerUID(int(fd)) })
	return err == nil && credErr == nil && (uid == os.Geteuid() || uid == 0)
}
