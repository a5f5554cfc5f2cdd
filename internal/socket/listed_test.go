//go:build unix

package socket

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/spec"
)

// listing is what a program prints, and what is read of it: "433 36 tcp 0.0.0.0:5000", with the device in front if it is known.
type listing struct {
	text string
	want []string
}

func (l listing) check(t *testing.T, parse func(text string) []listed) {
	t.Helper()
	var got []string
	for _, s := range parse(l.text) {
		line := fmt.Sprintf("%s %d %d %s %s", s.device, s.pid, s.fd, s.bound.Type, s.bound.Address())
		if s.bound.V6Only.Value {
			line += " only"
		}
		got = append(got, strings.TrimSpace(line))
	}
	if !slices.Equal(got, l.want) {
		t.Errorf("%s\ngot  %q\nwant %q", l.text, got, l.want)
	}
}

func TestParseListed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"127.0.0.1:3000":                        "127.0.0.1:3000",
		"*:3000":                                "0.0.0.0:3000",
		"[::1]:3000":                            "[::1]:3000",
		"::1:3000":                              "[::1]:3000",
		"[::ffff:127.0.0.1]:1":                  "[::ffff:127.0.0.1]:1",
		"fe80::1%lo0:3000":                      "[fe80::1%lo0]:3000",
		"[fe80:4::aede:48ff:fe00:1122]:49153":   "[fe80:4::aede:48ff:fe00:1122]:49153",
		"*:65535":                               "0.0.0.0:65535",
		"*:65536":                               "",
		"*:*":                                   "",
		"*:http":                                "",
		"localhost:80":                          "",
		"127.0.0.1:35820->127.0.0.1:38237":      "",
		"":                                      "",
		":":                                     "",
		"??":                                    "",
		"127.0.0.1":                             "",
		"(not":                                  "",
		"2001:db8:1111:2222:3333:4444:5555:666": "", // cut off
	} {
		got := ""
		if addr, ok := parseListed(text, false); ok {
			got = addr.String()
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	if addr, ok := parseListed("*:3000", true); !ok || addr.String() != "[::]:3000" {
		t.Errorf("* of IPv6 is %v", addr)
	}
}

// inTheWayTests: an address stands in the way of another if both are the same, or one of them is every address.
var inTheWayTests = []struct {
	theirs, ours string
	v6Only, want bool
}{
	{"127.0.0.1:3000", "127.0.0.1:3000", false, true},
	{"127.0.0.1:3000", "127.0.0.2:3000", false, false},
	{"127.0.0.1:3000", "127.0.0.1:3001", false, false},
	{"127.0.0.1:3000", "http::3000", false, true},
	{"127.0.0.1:3000", "udp::3000", false, false},
	{"udp::127.0.0.1:3000", "udp::3000", false, true},
	{"0.0.0.0:3000", "127.0.0.1:3000", false, true},
	{"0.0.0.0:3000", "[::1]:3000", false, false},
	{"0.0.0.0:3000", ":3000", false, true},
	{"127.0.0.1:3000", "0.0.0.0:3000", false, true},
	{"127.0.0.1:3000", ":3000", false, true},
	{"[::1]:3000", ":3000", false, true},
	{"[::1]:3000", "0.0.0.0:3000", false, false},
	{"[::1]:3000", "127.0.0.1:3000", false, false},
	{"[::]:3000", "127.0.0.1:3000", false, true},
	{"[::]:3000", "127.0.0.1:3000", true, false},
	{"[::]:3000", "[::1]:3000", true, true},
	{"[::]:3000", ":3000", true, true},
	{"[fe80::1]:3000", "[fe80::1%eth0]:3000", false, true},
	{"[fe80:4::1]:3000", "[fe80::1%en0]:3000", false, true}, // on macOS 4 is the interface
	{"[fe80::1%lo0]:3000", "[fe80::1]:3000", false, true},
	{"[fe80::2%lo0]:3000", "[fe80::1%lo0]:3000", false, false},
	{"[::ffff:127.0.0.1]:3000", "127.0.0.1:3000", false, true},
	{"/tmp/a", "/tmp/a", false, true},
	{"/tmp/a", "/tmp/b", false, false},
	{"/tmp/a", "3000", false, false},
	{"3000", "/tmp/a", false, false},
}

func TestInTheWay(t *testing.T) {
	t.Parallel()
	for _, test := range inTheWayTests {
		theirs, ours := mustParse(t, test.theirs), mustParse(t, test.ours)
		all := []listed{{pid: 1, bound: spec.Opening{Spec: theirs}}, {pid: 7, bound: spec.Opening{Spec: theirs}}, {pid: 8}}
		for i := range all {
			all[i].bound.V6Only.Value = test.v6Only
		}
		got := inTheWay(all, ours, 1, func(path string) bool { return path == ours.Path })
		if test.want != slices.Equal(got, []int{7}) || !test.want && got != nil {
			t.Errorf("%+v: got %v", test, got)
		}
	}
}

func mustParse(t *testing.T, text string) spec.Spec {
	t.Helper()
	s, err := spec.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSharing(t *testing.T) {
	t.Parallel()
	all := []listed{
		{pid: 1, fd: 3, device: "0xa"},
		{pid: 1, fd: 4, device: "0xb"},
		{pid: 1, fd: 5},
		{pid: 7, fd: 3, device: "0xb"},
		{pid: 8, fd: 3, device: "0xa"},
		{pid: 9, fd: 9, device: "0xa"},
		{pid: 10, fd: 5},
		{pid: 1, fd: 9, device: "0xa"},
	}
	for fd, want := range map[int][]int{3: {8, 9}, 4: {7}, 5: nil, 6: nil, -1: nil} {
		if got := sharing(all, 1, fd); !slices.Equal(got, want) {
			t.Errorf("descriptor %d: got %v, want %v", fd, got, want)
		}
	}
}

// sane checks what any text is read as.
func sane(t *testing.T, all []listed) {
	for _, l := range all {
		isPath := l.bound.Path != ""
		switch {
		case l.bound.Type == "":
		case isPath == l.bound.Addr.IsValid(), isPath && l.bound.Path[0] != '/', isPath != (l.bound.Type.Family() == spec.Unix):
			t.Errorf("%+v", l)
		}
	}
	inTheWay(all, spec.Spec{Type: "tcp", Addr: netip.MustParseAddrPort("127.0.0.1:3000")}, 1, nil)
	sharing(all, 1, 3)
}
