//go:build unix

package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
)

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()
)

// addresses returns what the host of s stands for, the one to try first in front.
func addresses(s spec.Spec) ([]netip.Addr, error) {
	switch {
	case s.Host == "localhost": // RFC 6761 section 6.3: always loopback, no need to ask
		return []netip.Addr{loopback4, loopback6}, nil
	case s.Host != "":
		return resolve(s.Host)
	case s.Addr.Addr() == spec.Any: // the second where the host has no IPv6
		return []netip.Addr{spec.Any, netip.IPv4Unspecified()}, nil
	}
	return []netip.Addr{s.Addr.Addr()}, nil
}

func resolve(host string) ([]netip.Addr, error) {
	addrs, err := net.DefaultResolver.LookupNetIP(context.Background(), "ip", host)
	if err != nil {
		e := &Error{Text: fmt.Sprintf("cannot resolve host %q: %v", host, reason(err)), Err: err}
		if slices.Contains(spec.Types(), spec.Type(host)) {
			e.Remedy = fmt.Sprintf("a type is followed by two colons: %s::PORT", host)
		}
		return nil, e
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, nil
}

// reason strips what net puts around the cause: our text names the host already.
func reason(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Err
	}
	return err.Error()
}

// sockaddr returns addr as bind(2) takes it.
func sockaddr(addr netip.AddrPort) (unix.Sockaddr, int, error) {
	port, ip := int(addr.Port()), addr.Addr()
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: port, Addr: ip.As4()}, unix.AF_INET, nil
	}
	sa := &unix.SockaddrInet6{Port: port, Addr: ip.As16()}
	if zone := ip.Zone(); zone != "" {
		index, err := zoneIndex(zone)
		if err != nil {
			return nil, 0, err
		}
		sa.ZoneId = index
	}
	return sa, unix.AF_INET6, nil
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

// boundTo returns the address that a bound inet socket has; there getsockname(2) cannot fail.
func boundTo(fd int) netip.AddrPort {
	sa, _ := unix.Getsockname(fd)
	addr, _ := addrPort(sa)
	return addr
}

// addrPort is the inverse of sockaddr; it says no of another family.
func addrPort(sa unix.Sockaddr) (netip.AddrPort, bool) {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)), true
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr).Unmap() // a mapped one takes IPv4 alone
		if sa.ZoneId != 0 {
			ip = ip.WithZone(zoneName(sa.ZoneId))
		}
		return netip.AddrPortFrom(ip, uint16(sa.Port)), true
	}
	return netip.AddrPort{}, false
}

func zoneName(index uint32) string {
	if itf, err := net.InterfaceByIndex(int(index)); err == nil {
		return itf.Name
	}
	return strconv.Itoa(int(index))
}
