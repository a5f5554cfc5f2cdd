//go:build (unix && !linux) || bsd

package socket

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
)

// MaxPath is the longest path that bind(2) takes, in bytes: sun_path without the NUL behind it.
const MaxPath = 103

// newSocket has a lock between its two calls: macOS has no SOCK_CLOEXEC.
func newSocket(family, sotype int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := kernel.socket(family, sotype, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	return fd, err
}

// accept takes the flags back that a connection has from its listener here.
func accept(fd int) (int, unix.Sockaddr, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	conn, from, err := kernel.accept(fd)
	if err == nil {
		unix.CloseOnExec(conn)
		err = unix.SetNonblock(conn, false)
	}
	return conn, from, err
}

// checkOverlap returns EADDRINUSE if somebody listens at what overlaps with the address of o. With SO_REUSEADDR the kernel
// lets 127.0.0.1:3000 stand beside *:3000, and the more specific one takes the connections. Without, it refuses, but also
// for the sake of connections that have ended: whether there is a listener is asked for then.
func checkOverlap(o spec.Opening, family int, sa unix.Sockaddr) error {
	if o.Type.Transport() != spec.Stream || o.NoReuse || o.ReusePort || o.Port() == 0 {
		return nil
	}
	o.NoReuse = true
	fd, err := bindTo(o, family, sa)
	switch {
	case err == nil:
		unix.Close(fd)
	case errors.Is(err, unix.EADDRINUSE) && user(o.Spec).PID != 0:
		return err
	}
	return nil
}

// RefusesOverlap is false: the kernel lets 127.0.0.1:3000 be bound beside every address.
const RefusesOverlap = false

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
