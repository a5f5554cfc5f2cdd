//go:build unix || windows

package socket

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"github.com/systemfd/systemfd/internal/spec"
)

// openInet binds the address of o, or the next one that is free if that will do. Free is what overlaps with nothing of beside.
func openInet(o spec.Opening, beside []spec.Opening) (Socket, error) {
	wanted := o.Spec
	for {
		s, err := Socket{}, error(syscall.EADDRINUSE)
		if RefusesOverlap || o.InWay(beside) < 0 {
			s, err = openPort(o)
		}
		switch isInUse := errors.Is(err, syscall.EADDRINUSE); {
		case err == nil:
			return s, nil
		case !isInUse || !wanted.Next:
			return Socket{}, bindError(o.Spec, err)
		case o.Port() == wanted.LastPort():
			return Socket{}, &Error{
				Spec: wanted, Text: fmt.Sprintf("cannot open %q: every port up to %d is in use", wanted, wanted.LastPort()),
				Remedy: "take another port (0 is any free one)", Err: err,
			}
		}
		o.Addr = netip.AddrPortFrom(o.Addr.Addr(), o.Port()+1)
	}
}

// noDualStack are how a system says that it has no socket for IPv4 and IPv6: it has no IPv6, or, as OpenBSD and DragonFly, refuses
// IPV6_V6ONLY=0.
var noDualStack = []error{syscall.EAFNOSUPPORT, syscall.EADDRNOTAVAIL, syscall.EINVAL, syscall.EOPNOTSUPP, syscall.ENOPROTOOPT}

// openPort binds the address of o. Without a dual stack, [::] is 0.0.0.0.
func openPort(o spec.Opening) (Socket, error) {
	fd, err := listenInet(o)
	if o.Addr.Addr() == spec.Any && isAny(err, noDualStack) {
		o.Addr = netip.AddrPortFrom(netip.IPv4Unspecified(), o.Addr.Port())
		fd, err = listenInet(o)
	}
	if err != nil {
		return Socket{}, err
	}
	o.Addr, o.Next = boundTo(fd), false
	return Socket{FD: fd, Opening: o}, nil
}

// bindError words a failure of bind(2), listen(2) or what comes before.
func bindError(s spec.Spec, err error) error {
	e := &Error{Spec: s, Text: fmt.Sprintf("cannot open %q: %v", s, err), Err: err}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return inUse(s)
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
		e.Remedy = "no network interface of this host has that address; 127.0.0.1, or * for every address, always works"
	case errors.Is(err, syscall.EACCES) && s.Type.Family() == spec.Inet:
		e.Remedy = portRefused(s)
	case errors.Is(err, syscall.EMFILE):
		e.Remedy = "raise the limit of open files: ulimit -n"
	}
	return e
}

func zoneIndex(zone string) (uint32, error) {
	if index, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(index), nil
	}
	itf, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, fmt.Errorf("no network interface %q", zone)
	}
	return uint32(itf.Index), nil
}

func zoneName(index uint32) string {
	if itf, err := net.InterfaceByIndex(int(index)); err == nil {
		return itf.Name
	}
	return strconv.Itoa(int(index))
}

func isAny(err error, targets []error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
