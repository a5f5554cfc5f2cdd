//go:build unix

package socket

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/systemfd/systemfd/internal/spec"
)

// listed is a socket that a process has open, as lsof(8) or sockstat(1) lists it.
type listed struct {
	pid, fd int
	device  string       // the same for all that have this socket, but only lsof tells
	bound   spec.Opening // without Type if it is not bound, or if it is a connection
}

// inTheWay returns the processes that have what wanted wants, but for self. isFile reports whether a path is that of wanted.
func inTheWay(all []listed, wanted spec.Spec, self int, isFile func(path string) bool) (pids []int) {
	for _, l := range all {
		has := wanted.Path == "" && conflict(l.bound, wanted) || wanted.Path != "" && l.bound.Path != "" && isFile(l.bound.Path)
		if l.pid != self && l.bound.Type != "" && has {
			pids = append(pids, l.pid)
		}
	}
	return pids
}

// conflict reports whether an address that is bound stands in the way of another one.
func conflict(bound spec.Opening, wanted spec.Spec) bool {
	bound.Addr, wanted.Addr = withoutZone(bound.Addr), withoutZone(wanted.Addr)
	return bound.SameSocket(wanted) || bound.Overlaps(spec.Opening{Spec: wanted})
}

// sharing returns the other processes that have the socket of a descriptor.
func sharing(all []listed, self, fd int) (pids []int) {
	device := ""
	for _, l := range all {
		if l.pid == self && l.fd == fd {
			device = l.device
		}
	}
	for _, l := range all {
		if l.pid != self && l.device == device && device != "" {
			pids = append(pids, l.pid)
		}
	}
	return pids
}

// parseListed reads an address as lsof and sockstat write it: 127.0.0.1:3000, *:3000, [::1]:3000, ::1:3000, fe80::1%lo0:3000.
// That of a connection, a:1->b:2, is none.
func parseListed(text string, isIPv6 bool) (addr netip.AddrPort, ok bool) {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return addr, false
	}
	port, err := strconv.ParseUint(text[colon+1:], 10, 16)
	if err != nil || strings.Contains(text, "->") {
		return addr, false
	}
	host := strings.TrimSuffix(strings.TrimPrefix(text[:colon], "["), "]")
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "*" && isIPv6:
		ip = netip.IPv6Unspecified()
	case host == "*":
		ip = netip.IPv4Unspecified()
	case err != nil:
		return addr, false
	}
	return netip.AddrPortFrom(ip, uint16(port)), true
}

// withoutZone takes out what only some write: the interface of a link-local address. macOS has it inside, as in fe80:4::1.
func withoutZone(addr netip.AddrPort) netip.AddrPort {
	ip := addr.Addr().Unmap()
	if ip.Is6() && ip.IsLinkLocalUnicast() {
		bytes := ip.As16()
		bytes[2], bytes[3] = 0, 0
		ip = netip.AddrFrom16(bytes)
	}
	return netip.AddrPortFrom(ip, addr.Port())
}

// listedNumber is -1 of what is none, as the ? of a process that nobody knows.
func listedNumber(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}
