package spec

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Error says why a text is not a specification.
type Error struct {
	Text    string // the specification as given
	Problem string
	Remedy  string   // how to write it
	Right   []string // the specifications that were meant, if they can be guessed
}

func (e *Error) Error() string { return fmt.Sprintf("bad socket %q: %s", e.Text, e.Problem) }

// Hint returns what to write instead.
func (e *Error) Hint() string {
	if len(e.Right) > 0 {
		return "write " + strings.Join(e.Right, " and ")
	}
	return e.Remedy
}

// Parse reads [NAME=][TYPE::]VALUE, or a URL in place of TYPE and VALUE. Its errors are *Error.
func Parse(text string) (Spec, error) {
	s, problem, remedy := parse(text)
	if problem == "" {
		return s, nil
	}
	right := meant(text)
	if len(right) > 1 {
		problem = "it says more than one socket"
	}
	return Spec{}, &Error{text, problem, remedy, right}
}

func parse(text string) (s Spec, problem, remedy string) {
	name, rest, named := cutName(text)
	if named && !ValidName(name) {
		return s, fmt.Sprintf("bad name %q", name), "a name has 1 to 255 of A-Z a-z 0-9 . _ @ + -"
	}
	rest, problem = cutURL(rest)
	if problem == "" {
		problem = unlikely(rest)
	}
	if problem != "" {
		return s, problem, "write TYPE::HOST:PORT, or a path that begins with / or ./"
	}
	s, problem, remedy = parseValue(rest)
	s.Name = name
	return s, problem, remedy
}

// cutURL returns a URL as we print it, http://127.0.0.1:3000/, as TYPE::VALUE; anything else as it is.
func cutURL(text string) (rest, problem string) {
	scheme, address, ok := strings.Cut(text, "://")
	t := Type(strings.ToLower(scheme))
	if !ok || !isTCP(t) {
		return text, ""
	}
	address = strings.TrimSuffix(address, "/")
	if i := strings.IndexByte(address, '/'); i >= 0 {
		return "", fmt.Sprintf("a socket has no path, as %q", address[i:])
	}
	return string(t) + "::" + address, ""
}

// unlikely says why text is refused although it could be parsed, as a path or a host that nobody means. It is accepted with TYPE:: or
// ./ before it.
func unlikely(text string) (problem string) {
	_, value, typed := cutType(text)
	before, _, hasColon := strings.Cut(text, ":")
	host, path, hasSlash := strings.Cut(text, "/")
	switch {
	case hasSlash && strings.HasPrefix(value, "~"):
		return "~ was not expanded: a shell does that only at the beginning of an unquoted word"
	case typed || strings.HasPrefix(text, "@"):
		return ""
	case hasColon && Type(strings.ToLower(before)).Family() != "":
		return fmt.Sprintf("%q is followed by two colons", before)
	case hasSlash && strings.HasSuffix(host, ":") && isHostName(before):
		return fmt.Sprintf("unknown type %q", before)
	case hasSlash && (hasColon && isAddress(host) || isNumber(host) && isPortSuffix(path)):
		return fmt.Sprintf("%q is an address, and has no path", host)
	}
	return ""
}

// isPortSuffix reports whether people write text after the slash of a port: 53/udp, or 3000/.
func isPortSuffix(text string) bool { return text == "" || isInet(Type(strings.ToLower(text))) }

func isNumber(text string) bool { return text != "" && strings.Trim(text, digits) == "" }

func isAddress(text string) bool {
	var s Spec
	problem, _ := s.setAddress(text)
	return problem == ""
}

// parseValue reads [TYPE::]VALUE.
func parseValue(text string) (s Spec, problem, remedy string) {
	typ, value, typed := cutType(text)
	if !typed {
		typ = "tcp"
		if isPath(value) {
			typ = "unix"
		}
	}
	s.Type = Type(strings.ToLower(typ))
	switch s.Type.Family() {
	case Inet:
		problem, remedy = s.setAddress(value)
	case Unix:
		problem, remedy = s.setPath(value)
	default:
		problem, remedy = typeProblem(typ, text), "the types are "+strings.Join(typeNames(), ", ")
	}
	return s, problem, remedy
}

// typeProblem says what is wrong with text, which begins with typ and two colons.
func typeProblem(typ, text string) string {
	switch i := strings.LastIndexByte(text, ':'); {
	case isUntyped(text):
		return `no type before "::"`
	case isBareIPv6(text), isBareIPv6(text[:i]):
		return "an IPv6 address needs brackets"
	}
	return fmt.Sprintf("unknown type %q", typ)
}

// cutName splits at the "=" after a name. An "=" after "::", a "/" or a leading "@" belongs to the value.
func cutName(text string) (name, rest string, ok bool) {
	name, rest, ok = strings.Cut(text, "=")
	if !ok || isPath(name) || strings.Contains(name, "::") {
		return "", text, false
	}
	return name, rest, true
}

// cutType splits at the "::" after a type. A "::" in [::1], or in a path, belongs to the value.
func cutType(text string) (typ, value string, ok bool) {
	typ, value, ok = strings.Cut(text, "::")
	if !ok || isPath(typ) || strings.Contains(typ, "[") {
		return "", text, false
	}
	return typ, value, true
}

func isPath(text string) bool { return strings.Contains(text, "/") || strings.HasPrefix(text, "@") }

func (s *Spec) setPath(value string) (problem, remedy string) {
	switch {
	case value == "":
		return "empty path", "write unix::/path/to/socket"
	case value == "@":
		return "empty abstract name", "write @name"
	case strings.IndexByte(value, 0) >= 0:
		return "a path cannot hold a NUL byte", "write unix::/path/to/socket"
	}
	s.Path = value
	return "", ""
}

// setAddress reads PORT, IP:PORT, [IP6]:PORT, NAME:PORT, :PORT or *:PORT.
func (s *Spec) setAddress(value string) (problem, remedy string) {
	if isPath(value) {
		return fmt.Sprintf("%s takes a port or host:port, not a path", s.Type), fmt.Sprintf("write unix::%s", value)
	}
	if value == "" {
		return "no port", fmt.Sprintf("write %s::3000 or %s::127.0.0.1:3000", s.Type, s.Type)
	}
	host, port, err := splitHostPort(value)
	if err != "" {
		return err, fmt.Sprintf("write %s::3000, %s::127.0.0.1:3000 or %s::[::1]:3000", s.Type, s.Type, s.Type)
	}
	first, isNext := strings.CutSuffix(port, "+")
	number, convErr := strconv.ParseUint(first, 10, 16)
	if convErr != nil {
		return fmt.Sprintf("port %q is not a number from 0 to 65535", port), "0 stands for any free port"
	}
	if s.Next = isNext; isNext && number == 0 {
		return "0 is any free port already", fmt.Sprintf("write %s::0", s.Type)
	}

	problem, remedy = s.setHost(host)
	s.Addr = netip.AddrPortFrom(s.Addr.Addr(), uint16(number))
	return problem, remedy
}

// setHost reads what is before the port.
func (s *Spec) setHost(host string) (problem, remedy string) {
	addr := Any
	switch {
	case host == "" || host == "*":
	case host[0] == '[':
		ip, err := netip.ParseAddr(host[1 : len(host)-1])
		if err != nil || ip.Is4() {
			return fmt.Sprintf("bad IPv6 address %q", host), "write it as in [::1]:3000 or [fe80::1%eth0]:3000"
		}
		addr = ip.Unmap()
	case strings.Trim(host, digits+".") == "":
		ip, err := netip.ParseAddr(host)
		if err != nil {
			return fmt.Sprintf("bad IP address %q", host), "write four numbers from 0 to 255, as in 127.0.0.1:3000"
		}
		addr = ip
	case isHostName(host):
		s.Host, addr = host, netip.Addr{}
	default:
		return fmt.Sprintf("bad host %q", host), "a host is a name, an IPv4 address, an IPv6 address in brackets, or * for every address"
	}
	s.Addr = netip.AddrPortFrom(addr, 0)
	return "", ""
}

// splitHostPort splits at the colon before the port. A number without a colon is a port of 127.0.0.1.
func splitHostPort(value string) (host, port, problem string) {
	i := strings.LastIndexByte(value, ':')
	switch {
	case i < 0 && strings.Trim(value, digits+"+-") == "": // ParseUint will refuse a sign
		return "127.0.0.1", value, ""
	case i < 0, strings.HasSuffix(value, "]"), i == len(value)-1:
		return "", "", "no port"
	}
	host, port = value[:i], value[i+1:]
	if end := strings.IndexByte(value, ']'); end > i {
		return "", "", fmt.Sprintf("no colon behind %q", value[:end+1])
	}
	if strings.HasPrefix(host, "[") != strings.HasSuffix(host, "]") {
		return "", "", fmt.Sprintf("unpaired bracket in %q", host)
	}
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		return "", "", "an IPv6 address needs brackets"
	}
	return host, port, ""
}

func isHostName(host string) bool {
	for _, c := range []byte(host) {
		if !isAlnum(c) && c != '-' && c != '.' && c != '_' && c < 0x80 {
			return false
		}
	}
	return true
}
