// Package spec turns a socket specification, [NAME=][TYPE::]VALUE, into a Spec and back.
//
// It is pure: it resolves no host name, touches no file and knows no operating system.
package spec

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// Spec says which socket to open. The zero Spec says none.
//
// Specs are comparable; two that are equal open the same socket.
type Spec struct {
	Name string         // its name in LISTEN_FDNAMES; "" stands for the type
	Type Type           // never "" in a Spec that Parse returned
	Host string         // a host name to resolve; "" if Addr has the address
	Addr netip.AddrPort // of an inet type; with Host, only its port counts
	Next bool           // if the port is in use, take the next free one up to LastPort; never set for a bound socket
	Path string         // of a unix type; @NAME is abstract, unix(7)
}

// Any is the address that accepts IPv6 and IPv4, written [::].
var Any = netip.IPv6Unspecified()

// IsAbstract reports whether s is a unix socket without a file.
func (s Spec) IsAbstract() bool { return strings.HasPrefix(s.Path, "@") }

// Port returns the port of an inet socket, 0 for a unix one.
func (s Spec) Port() uint16 { return s.Addr.Port() }

// FDName returns the name under which LISTEN_FDNAMES passes the socket.
func (s Spec) FDName() string {
	if s.Name != "" {
		return s.Name
	}
	return string(s.Type)
}

// Address returns the VALUE part in canonical form: 127.0.0.1:3000, [::1]:3000, name:3000 or a path.
func (s Spec) Address() string {
	switch {
	case s.Path != "":
		return s.Path
	case s.Host != "":
		return s.Host + ":" + strconv.Itoa(int(s.Addr.Port())) + s.plus()
	case s.Addr.IsValid():
		return s.Addr.String() + s.plus()
	}
	return ""
}

func (s Spec) plus() string {
	if s.Next {
		return "+"
	}
	return ""
}

// LastPort is the last port that 3000+ stands for: 3100, but never above 65535. For a spec without "+" it is the port.
func (s Spec) LastPort() uint16 {
	const next = 100
	if !s.Next {
		return s.Port()
	}
	return uint16(min(int(s.Port())+next, math.MaxUint16))
}

// String returns the canonical form, from which Parse returns the same Spec. It leaves out a name from a parent process that Parse would
// not accept.
func (s Spec) String() string {
	text := string(s.Type) + "::" + s.Address()
	if ValidName(s.Name) && s.Name[0] != '@' {
		text = s.Name + "=" + text
	}
	return text
}

// URL returns http://ADDRESS/ or https://ADDRESS/ for these types, "" for the others.
func (s Spec) URL() string {
	if scheme := s.Type.kind().scheme; scheme != "" {
		return scheme + "://" + s.Address() + "/"
	}
	return ""
}

// Display returns the socket for a person: its URL, or its address and kind.
func (s Spec) Display() string {
	if url := s.URL(); url != "" {
		return url
	}
	return s.Address() + " (" + s.Type.kind().label + ")"
}

// Identity is the part of a Spec that matters to the kernel. It is comparable.
type Identity struct {
	Family    Family
	Transport Transport
	Host      string
	Addr      netip.AddrPort
	Path      string
}

// Identity returns the identity of s, without its name. http and tcp differ only in how they are printed. The identity of 3000+ is that
// of 3000.
func (s Spec) Identity() Identity {
	k := s.Type.kind()
	return Identity{k.family, k.transport, s.Host, s.Addr, s.Path}
}

// SameSocket reports whether s and t are the same socket to the kernel.
func (s Spec) SameSocket(t Spec) bool { return s.Identity() == t.Identity() }

// MayBe reports whether s, which is bound, may be the result of opening wanted: port 0 becomes any port, 3000+ one of 3000 to 3100, and
// [::] becomes 0.0.0.0 on a host without IPv6.
func (s Spec) MayBe(wanted Spec) bool {
	is, want := s.Identity(), wanted.Identity()
	if port := is.Addr.Port(); want.Addr.Port() == 0 || wanted.Next && port >= wanted.Port() && port <= wanted.LastPort() {
		is.Addr = netip.AddrPortFrom(is.Addr.Addr(), want.Addr.Port())
	}
	if want.Addr.Addr() == Any && is.Addr.Addr() == netip.IPv4Unspecified() {
		is.Addr = netip.AddrPortFrom(Any, is.Addr.Port())
	}
	return is == want
}

// Overlaps reports whether one of two inet sockets is bound to every address of a port, and the other to one of these addresses. Linux
// refuses the second of two such sockets. On macOS and the BSDs the more specific one takes the connections.
func (o Opening) Overlaps(p Opening) bool {
	if o.Type.Family() != Inet || p.Type.Family() != Inet || o.Type.Transport() != p.Type.Transport() ||
		o.Addr.Port() != p.Addr.Port() || o.Addr.Port() == 0 || o.Addr == p.Addr || o.ReusePort && p.ReusePort {
		return false
	}
	return o.covers(p) || p.covers(o)
}

// covers reports whether o is bound to every address of a family in which p has its address.
func (o Opening) covers(p Opening) bool {
	ip, other := o.Addr.Addr(), p.Addr.Addr()
	isDual := ip == Any && !o.V6Only.Value
	return o.Host == "" && ip.IsUnspecified() && (isDual || ip.Is4() == other.Is4())
}

// InWay returns the first of what is open that overlaps with o, -1 if there is none. It looks at the port first: there may be
// thousands.
func (o Opening) InWay(open []Opening) int {
	if o.Addr.Port() == 0 {
		return -1
	}
	for i := range open {
		if open[i].Addr.Port() == o.Addr.Port() && o.Overlaps(open[i]) {
			return i
		}
	}
	return -1
}

// ValidName reports whether name may stand before the "=" of a specification:
// 1 to 255 of A-Z a-z 0-9 . _ @ + -, inside what sd_listen_fds_with_names(3) allows.
func ValidName(name string) bool {
	if name == "" || len(name) > 255 {
		return false
	}
	for _, c := range []byte(name) {
		if !isAlnum(c) && strings.IndexByte("._@+-", c) < 0 {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
