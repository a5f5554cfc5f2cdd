//go:build unix

package socket

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// withoutNameServer lets names be only what /etc/hosts says until the test ends; others fail at once.
func withoutNameServer(t *testing.T) {
	t.Helper()
	resolver := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = resolver })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server in this test")
	}}
}

func TestResolve(t *testing.T) {
	withoutNameServer(t)
	if o, err := Resolve(opening(t, "localhost:80", options)); err != nil || o.Host != "" || o.Addr != netip.AddrPortFrom(loopback4, 80) {
		t.Errorf("localhost:80 is %v, %v", o, err)
	}
	if o, err := Resolve(opening(t, "web=[::1]:80", options)); err != nil || o.String() != "web=tcp::[::1]:80" {
		t.Errorf("an address is %v, %v", o, err)
	}

	tests := []struct{ text, problem, hint string }{
		{"no-such-host.invalid:80", `cannot resolve host "no-such-host.invalid": `, ""},
		{"web:3000", `cannot resolve host "web": `, "a host stands before the colon; a name for the socket is followed by =, as in web=3000"},
		{"udp::" + strings.Repeat("a", 64) + ".invalid:80", `cannot resolve host "` + strings.Repeat("a", 64) + `.invalid": no such host`, ""},
	}
	for _, test := range tests {
		err := openFails(t, test.text, options)
		if !strings.HasPrefix(err.Error(), test.problem) || err.Hint() != test.hint {
			t.Errorf("%q: %v, hint %q; want %q, hint %q", test.text, err, err.Hint(), test.problem, test.hint)
		}
	}
}

// TestOwnAddress: of several addresses, the first that this host has.
func TestOwnAddress(t *testing.T) {
	t.Parallel()
	elsewhere, mapped := netip.MustParseAddr("192.0.2.1"), netip.AddrFrom16(loopback4.As16())
	for _, test := range []struct {
		ips  []netip.Addr
		want netip.Addr
	}{
		{[]netip.Addr{loopback6, loopback4}, loopback6},
		{[]netip.Addr{elsewhere, loopback4}, loopback4},
		{[]netip.Addr{elsewhere, mapped}, loopback4},
		{[]netip.Addr{elsewhere}, elsewhere},
	} {
		if got := ownAddress(test.ips); got != test.want {
			t.Errorf("of %v it is %v, want %v", test.ips, got, test.want)
		}
	}
	mask := net.CIDRMask(24, 32)
	same, next := &net.IPNet{IP: net.IP{192, 0, 2, 1}, Mask: mask}, &net.IPNet{IP: net.IP{192, 0, 2, 2}, Mask: mask}
	if !isOn(same, elsewhere) || isOn(next, elsewhere) {
		t.Error("isOn takes one address for another")
	}
}
