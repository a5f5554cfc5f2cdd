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

// Resolve puts the address that the host name of o stands for in its place: of several, the first that this host has.
// Its errors are *Error.
func Resolve(o spec.Opening) (spec.Opening, error) {
	if o.Host == "" {
		return o, nil
	}
	ip := loopback4
	if o.Host != "localhost" { // which is always loopback, RFC 6761 section 6.3: no need to ask
		ips, err := net.DefaultResolver.LookupNetIP(context.Background(), "ip", o.Host)
		if err != nil {
			return o, resolveError(o.Spec, err)
		}
		ip = ownAddress(ips)
	}
	o.Host, o.Addr = "", netip.AddrPortFrom(ip, o.Addr.Port())
	return o, nil
}

func resolveError(s spec.Spec, err error) error {
	e := &Error{Spec: s, Text: fmt.Sprintf("cannot resolve host %q: %v", s.Host, reason(err)), Err: err}
	if slices.Contains(spec.Types(), spec.Type(s.Host)) {
		e.Remedy = fmt.Sprintf("a type is followed by two colons: %s::PORT", s.Host)
	}
	return e
}

// ownAddress returns the first of ips that is an address of this host, or else the first.
func ownAddress(ips []netip.Addr) netip.Addr {
	own, _ := net.InterfaceAddrs()
	for _, ip := range ips {
		if ip = ip.Unmap(); ip.IsLoopback() || slices.ContainsFunc(own, func(a net.Addr) bool { return isOn(a, ip) }) {
			return ip
		}
	}
	return ips[0].Unmap()
}

// isOn reports whether a, an address of an interface with its network, is ip.
func isOn(a net.Addr, ip netip.Addr) bool {
	prefix, err := netip.ParsePrefix(a.String())
	return err == nil && prefix.Addr() == ip.WithZone("")
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
		ip := netip.AddrFrom16(sa.Addr).Unmap() // a mapped one takes only IPv4
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
