//go:build unix

package socket

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

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
