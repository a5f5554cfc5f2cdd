package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/systemfd/systemfd/internal/spec"
)

var loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// Resolve replaces the host name of o by its address. If the name has several addresses, it takes the first that this host has. Its
// errors are *Error.
func Resolve(o spec.Opening) (spec.Opening, error) {
	if o.Host == "" {
		return o, nil
	}
	ip := loopback4
	if o.Host != "localhost" { // which is always loopback, RFC 6761 section 6.3
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
	if !strings.Contains(s.Host, ".") {
		e.Remedy = fmt.Sprintf("a host stands before the colon; a name for the socket is followed by =, as in %s=%d", s.Host, s.Port())
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

// reason returns the cause without the text of package net: our text names the host already.
func reason(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Err
	}
	return err.Error()
}
