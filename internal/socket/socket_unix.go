//go:build unix

package socket

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
)

// transports is how socket(2) spells a transport.
var transports = map[spec.Transport]int{
	spec.Stream:   unix.SOCK_STREAM,
	spec.Datagram: unix.SOCK_DGRAM,
}

// Open opens, binds and, where it is a stream socket, listens. The descriptor has FD_CLOEXEC and no
// O_NONBLOCK. Its errors are *Error; after one, nothing is left open or bound.
func Open(s spec.Spec, o Options) (Socket, error) {
	open := openInet
	if s.Type.Family() == spec.Unix {
		open = openUnix
	}
	fd, bound, err := open(s, o)
	if err != nil {
		return Socket{}, err
	}
	bound.Name = s.FDName()
	return Socket{FD: fd, Name: bound.Name, Spec: bound}, nil
}

// openInet tries the addresses that s stands for until the host has one.
func openInet(s spec.Spec, o Options) (int, spec.Spec, error) {
	addrs, err := addresses(s)
	if err != nil {
		return -1, s, err
	}
	s.Host = ""
	for _, addr := range addrs {
		s.Addr = netip.AddrPortFrom(addr, s.Addr.Port())
		var fd int
		if fd, err = listenInet(s, o); err == nil {
			s.Addr = boundTo(fd)
			return fd, s, nil
		}
		if !errors.Is(err, unix.EAFNOSUPPORT) && !errors.Is(err, unix.EADDRNOTAVAIL) {
			break
		}
	}
	return -1, s, bindError(s, err)
}

func listenInet(s spec.Spec, o Options) (int, error) {
	sa, family, err := sockaddr(s.Addr)
	if err != nil {
		return -1, err
	}
	transport := s.Type.Transport()
	fd, err := newSocket(family, transports[transport])
	if err != nil {
		return -1, err
	}
	var errs []error
	if family == unix.AF_INET6 && s.Addr.Addr() == spec.Any {
		errs = append(errs, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0))
	}
	if transport == spec.Stream && !o.NoReuse {
		errs = append(errs, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	}
	if o.ReusePort {
		errs = append(errs, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	}
	if err = errors.Join(errs...); err == nil {
		err = bindAndListen(fd, sa, s, o)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func bindAndListen(fd int, sa unix.Sockaddr, s spec.Spec, o Options) error {
	if err := unix.Bind(fd, sa); err != nil || s.Type.Transport() == spec.Datagram {
		return err
	}
	return unix.Listen(fd, o.Backlog)
}

// bindError words a failure of bind(2), listen(2) or what comes before.
func bindError(s spec.Spec, err error) error {
	e := &Error{Text: fmt.Sprintf("cannot open %q: %v", s, err), Err: err}
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return inUse(s, err)
	case errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.EAFNOSUPPORT):
		e.Remedy = "no network interface of this host has that address; 127.0.0.1, or * for every address, always works"
	case errors.Is(err, unix.EACCES) && s.Type.Family() == spec.Inet:
		e.Remedy = "ports below 1024 are for root; take a higher one"
	case errors.Is(err, unix.EMFILE):
		e.Remedy = "raise the limit of open files: ulimit -n"
	}
	return e
}

func inUse(s spec.Spec, err error) error {
	remedy := "stop it, or take another path"
	if s.Type.Family() == spec.Inet {
		remedy = "stop it, or take another port (0 is any free one)"
	}
	return &Error{Text: s.Address() + " is in use" + user(s), Remedy: remedy, Err: err}
}
