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

// newSocket locks out fork(2) between its two calls, because macOS has no SOCK_CLOEXEC.
func newSocket(family, sotype int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := kernel.socket(family, sotype, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	return fd, err
}

// accept clears the flags that a connection inherits from its listener on these systems.
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

// checkOverlap returns EADDRINUSE if somebody listens at an address that overlaps with that of o. With SO_REUSEADDR the kernel allows
// 127.0.0.1:3000 beside *:3000, and the more specific one takes the connections. Without SO_REUSEADDR the kernel refuses it, but also
// because of connections that have ended. So in that case checkOverlap asks whether there is a listener.
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

// hasAbstract is false: a unix socket needs a file on these systems.
const hasAbstract = false

// passCredentials exists only on Linux.
var passCredentials socketOption

// freeBind exists only on Linux.
func freeBind(int) socketOption { return socketOption{} }

// MaxRights is how many descriptors one message carries: OpenBSD refuses 128 of them.
const MaxRights = 100

// recvFlags lacks MSG_CMSG_CLOEXEC, which macOS does not have. noSignal is not needed: the Go runtime ignores SIGPIPE except for the
// descriptors 1 and 2.
const recvFlags, noSignal = 0, 0

// isShutDown cannot be found out on these systems.
func isShutDown(int) bool { return false }

// waiting cannot be found out on these systems.
func waiting(int) int { return -1 }

// ownFile is known only for a socket that we have bound.
func ownFile(s Socket) (file File, isKnown bool) { return s.file, s.file != (File{}) }

// isElsewhere is false: ownFile is known only for sockets that we have bound, at the path that we see.
func isElsewhere(string, File) bool { return false }

// hasOther reports whether another socket than s is at its path. The caller knows that a live socket is there.
func hasOther(s Socket) bool { return s.file != (File{}) }
