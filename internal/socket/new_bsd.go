//go:build unix && !linux

package socket

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// newSocket needs no lock between its two calls: nothing here forks. macOS has no SOCK_CLOEXEC.
func newSocket(family, sotype int) (int, error) {
	fd, err := unix.Socket(family, sotype, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	return fd, err
}

// accept takes the flags back that a connection has from its listener here.
func accept(fd int) (int, unix.Sockaddr, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	conn, from, err := unix.Accept(fd)
	if err == nil {
		unix.CloseOnExec(conn)
		err = unix.SetNonblock(conn, false)
	}
	return conn, from, err
}

// Only Linux lets the superuser go beyond the system's limit.
const hasForce, forceReceiveBuffer, forceSendBuffer = false, 0, 0

// hasAbstract tells that a unix socket needs a file here.
const hasAbstract = false

// passCredentials is only Linux's.
var passCredentials socketOption

// freeBind is only Linux's.
func freeBind(int) socketOption { return socketOption{} }

// MaxRights is how many descriptors one message carries: OpenBSD refuses 128 of them.
const MaxRights = 100

// recvFlags lacks MSG_CMSG_CLOEXEC, which macOS does not have. The Go runtime ignores SIGPIPE of other descriptors
// than 1 and 2.
const recvFlags, noSignal = 0, 0

// isShutDown is not known here.
func isShutDown(int) bool { return false }

// waiting is not known here.
func waiting(int) int { return -1 }

// ownFile is known only of a socket that we have bound.
func ownFile(s Socket) (file File, isKnown bool) { return s.file, s.file != (File{}) }

// isElsewhere is not asked here: what we have bound ourselves is where we see it.
func isElsewhere(string, File) bool { return false }

// hasOther reports whether another socket than s, which lives, is at its path.
func hasOther(s Socket) bool { return s.file != (File{}) }
