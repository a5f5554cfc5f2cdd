//go:build unix

package socket

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
)

// Describe says what is at a descriptor.
func Describe(fd int) Description {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil {
		return Description{Text: "closed"}
	}
	d := Description{Open: true, Nonblock: isNonblock(fd), CloseOnExec: flags&unix.FD_CLOEXEC != 0}
	sotype, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		d.Text = fileText(fd)
		return d
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		d.Text = "a socket"
		return d
	}
	if sotype == unix.SOCK_DGRAM {
		d.Ready = !connected(fd) && bound(sa)
	} else {
		d.Listening = listening(fd)
		d.Ready = d.Listening && !(isUnix(sa) && isShutDown(fd))
	}
	s := specOf(sotype, sa)
	switch {
	case d.Ready && s.Type != "":
		d.Spec, d.Text = s, s.Display()
	case d.Ready:
		d.Text = fmt.Sprintf("%s listener", socketText(sotype, sa))
	case d.Listening:
		d.Text = fmt.Sprintf("%s listener, shut down", socketText(sotype, sa))
	case connected(fd):
		d.Text, d.Connected = fmt.Sprintf("%s, connected", socketText(sotype, sa)), true
	default:
		d.Text = fmt.Sprintf("%s, neither listening nor connected", socketText(sotype, sa))
	}
	if !d.Ready && !d.Connected {
		d.bound = s
	}
	return d
}

// specOf returns the plainest specification of a socket, the zero Spec if there is none.
func specOf(sotype int, sa unix.Sockaddr) spec.Spec {
	var s spec.Spec
	for transport, t := range transports {
		if t != sotype {
			continue
		}
		if addr, ok := addrPort(sa); ok {
			s.Type, s.Addr = spec.TypeOf(spec.Inet, transport), addr
		} else if sa, ok := sa.(*unix.SockaddrUnix); ok && sa.Name != "" {
			s.Type, s.Path = spec.TypeOf(spec.Unix, transport), sa.Name
		}
	}
	if s.Type == "" {
		return spec.Spec{}
	}
	return s
}

func isUnix(sa unix.Sockaddr) bool {
	_, ok := sa.(*unix.SockaddrUnix)
	return ok
}

// bound reports whether a datagram socket has an address to send to.
func bound(sa unix.Sockaddr) bool {
	if addr, ok := addrPort(sa); ok {
		return addr.Port() != 0
	}
	path, ok := sa.(*unix.SockaddrUnix)
	return !ok || path.Name != "" && path.Name != "@" // x/sys has "@" for the first NUL, and an unbound socket has only that
}

func isNonblock(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_NONBLOCK != 0
}

func connected(fd int) bool {
	_, err := unix.Getpeername(fd)
	return err == nil
}

// listening asks SO_ACCEPTCONN. macOS does not have it: there the state of TCP tells, and a unix socket counts if it is not connected.
func listening(fd int) bool {
	accepts, err := kernel.getsockopt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if !errors.Is(err, unix.ENOPROTOOPT) {
		return err == nil && accepts != 0
	}
	if listens, err := kernel.listensTCP(fd); err == nil {
		return listens
	}
	return !connected(fd)
}

func socketText(sotype int, sa unix.Sockaddr) string {
	family := "a"
	switch sa.(type) {
	case *unix.SockaddrInet4, *unix.SockaddrInet6:
		family = "an inet"
	case *unix.SockaddrUnix:
		family = "a unix"
	}
	switch sotype {
	case unix.SOCK_STREAM:
		return family + " stream socket"
	case unix.SOCK_DGRAM:
		return family + " datagram socket"
	case unix.SOCK_SEQPACKET:
		return family + " seqpacket socket"
	}
	return family + " socket"
}

func fileText(fd int) string {
	// Only Linux tells a name, also that of an epoll or eventfd.
	if name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil {
		return fmt.Sprintf("%q", name)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return "unknown"
	}
	return fileKind(uint32(stat.Mode))
}

func fileKind(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "a file"
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFLNK:
		return "a symbolic link"
	case unix.S_IFIFO:
		return "a pipe"
	case unix.S_IFCHR, unix.S_IFBLK:
		return "a device"
	}
	return "something else"
}
