package unitfile

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/systemfd/systemfd/internal/spec"
)

// setting carries out one directive of section Socket.
type setting func(p *parser, value string, line int) error

// settings has a row for each directive that has an effect here.
var settings = sync.OnceValue(func() map[string]setting {
	return map[string]setting{
		"ListenStream":           listenOn("ListenStream", spec.Stream),
		"ListenDatagram":         listenOn("ListenDatagram", spec.Datagram),
		"ListenSequentialPacket": listenOn("ListenSequentialPacket", spec.SeqPacket),
		"ListenFIFO":             notOpened("ListenFIFO"),
		"ListenMessageQueue":     notOpened("ListenMessageQueue"),
		"ListenNetlink":          notOpened("ListenNetlink"),
		"ListenSpecial":          notOpened("ListenSpecial"),
		"ListenUSBFunction":      notOpened("ListenUSBFunction"),
		"Accept":                 boolean("Accept", func(p *parser) *bool { return &p.unit.Accept }),
		"Backlog":                backlog,
		"BindIPv6Only":           bindIPv6Only,
		"Broadcast":              boolean("Broadcast", func(p *parser) *bool { return &p.options.Broadcast }),
		"DirectoryMode":          mode("DirectoryMode", func(p *parser) *spec.Optional[uint32] { return &p.options.DirectoryMode }),
		"FileDescriptorName":     fileDescriptorName,
		"FreeBind":               boolean("FreeBind", func(p *parser) *bool { return &p.options.FreeBind }),
		"KeepAlive":              boolean("KeepAlive", func(p *parser) *bool { return &p.options.KeepAlive }),
		"NoDelay":                boolean("NoDelay", func(p *parser) *bool { return &p.options.NoDelay }),
		"PassCredentials":        boolean("PassCredentials", func(p *parser) *bool { return &p.options.PassCredentials }),
		"ReceiveBuffer":          size("ReceiveBuffer", func(p *parser) *int { return &p.options.ReceiveBuffer }),
		"ReusePort":              boolean("ReusePort", func(p *parser) *bool { return &p.options.ReusePort }),
		"SendBuffer":             size("SendBuffer", func(p *parser) *int { return &p.options.SendBuffer }),
		"SocketMode":             mode("SocketMode", func(p *parser) *spec.Optional[uint32] { return &p.options.Mode }),
	}
})

// listenOn adds a socket. The empty assignment removes every socket before it, of every kind.
func listenOn(key string, transport spec.Transport) setting {
	return func(p *parser, value string, line int) error {
		return p.listen(key, value, line, func(address string) (spec.Spec, error) {
			if isVsock(address) && transport != spec.SeqPacket {
				return spec.Spec{}, nil
			}
			s, ok := parseAddress(withoutVar(address), transport)
			switch {
			case !ok:
				return s, p.fail(line, "bad address %q: write PORT, IP:PORT, [IPv6]:PORT, /path or @name", address)
			case s.Type == "":
				return s, p.fail(line, "sequential packets go only over unix sockets, %q is none", address)
			}
			return s, nil
		})
	}
}

// notOpened adds a socket of a kind that systemfd does not open. It is an error only if no --map leaves it out.
func notOpened(key string) setting {
	return func(p *parser, value string, line int) error {
		return p.listen(key, value, line, func(string) (spec.Spec, error) { return spec.Spec{}, nil })
	}
}

// listen adds a Listen directive whose address parse reads.
func (p *parser) listen(key, value string, line int, parse func(address string) (spec.Spec, error)) error {
	if value == "" {
		p.unit.listens = nil
		return nil
	}
	address, err := p.unit.specifiers.expand(value)
	if err != nil {
		return p.fail(line, "%v", err)
	}
	s, err := parse(address)
	if err != nil {
		return err
	}
	p.unit.listens = append(p.unit.listens, listen{key, address, place{p.file, line}, spec.Opening{Spec: s}})
	return nil
}

// isVsock reports whether address is vsock:CID:PORT, vsock(7), or another form of later systemds, such as vsock-stream:.
func isVsock(address string) bool {
	head, rest, _ := strings.Cut(address, ":")
	cid, port, _ := strings.Cut(rest, ":")
	_, badPort := parseUint(port, 32)
	_, badCID := parseUint(cid, 32)
	return (head == "vsock" || strings.HasPrefix(head, "vsock-")) && badPort == nil && (cid == "" || badCID == nil)
}

// withoutVar returns path below /run if it is below /var/run, as systemd does.
func withoutVar(path string) string {
	rest := path
	for _, name := range []string{"var", "run"} {
		trimmed := strings.TrimLeft(rest, "/")
		after, ok := strings.CutPrefix(trimmed, name+"/")
		if !ok || trimmed == rest {
			return path
		}
		rest = "/" + after
	}
	if rest = strings.TrimLeft(rest, "/"); rest == "" {
		return path
	}
	return "/run/" + rest
}

// parseAddress reads an address of systemd.socket(5): a port without an IP address means every address. It also accepts port 0, for any
// free port, and an interface inside the brackets.
func parseAddress(value string, transport spec.Transport) (spec.Spec, bool) {
	if strings.HasPrefix(value, "/") || strings.HasPrefix(value, "@") {
		s := spec.Spec{Type: spec.TypeOf(spec.Unix, transport), Path: value}
		parsed, err := spec.Parse(s.String())
		return parsed, err == nil && parsed == s && value != "/"
	}
	ip, port, ok := spec.Any, value, true
	if i := strings.LastIndexByte(value, ':'); i >= 0 {
		ip, port, ok = parseIPPort(value[:i], value[i+1:])
	}
	number, err := parseUint(port, 16)
	leadingZero := len(port) > 1 && strings.Trim(port, "0123456789") == "" && port[0] == '0'
	s := spec.Spec{Type: spec.TypeOf(spec.Inet, transport), Addr: netip.AddrPortFrom(ip, uint16(number))}
	return s, ok && err == nil && !leadingZero
}

// parseIPPort reads the two sides of IP:PORT. PORT may be followed by %INTERFACE, which becomes the zone of the IP.
func parseIPPort(host, text string) (ip netip.Addr, port string, ok bool) {
	port, zone, hasZone := strings.Cut(text, "%")
	ip, ok = parseIP(host)
	if hasZone {
		ok = ok && ip.Is6() && ip.Zone() == "" && zone != ""
		ip = ip.WithZone(zone)
	}
	return ip.Unmap(), port, ok && !strings.ContainsFunc(ip.Zone(), isBadInZone)
}

// parseIP reads an IPv4 address, or an IPv6 address in brackets.
func parseIP(host string) (netip.Addr, bool) {
	inner, bracket := strings.CutPrefix(host, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	ip, err := netip.ParseAddr(inner)
	return ip, err == nil && bracket == closed && bracket == ip.Is6()
}

// isBadInZone reports whether systemd refuses an interface whose name has c.
func isBadInZone(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(":/%", c) }

// parseUint reads a number as systemd does: decimal, 0x hexadecimal or 0 octal.
func parseUint(value string, bits int) (uint64, error) {
	if strings.Contains(value, "_") { // only Go has that
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(strings.TrimPrefix(value, "+"), 0, bits)
}

func boolean(key string, field func(*parser) *bool) setting {
	return func(p *parser, value string, line int) error {
		yes, ok := parseBoolean(value)
		if !ok {
			return p.fail(line, "%s is yes or no, not %q", key, value)
		}
		*field(p) = yes
		return nil
	}
}

func parseBoolean(value string) (yes, ok bool) {
	switch strings.ToLower(value) {
	case "1", "yes", "y", "true", "t", "on":
		return true, true
	case "0", "no", "n", "false", "f", "off":
		return false, true
	}
	return false, false
}

func mode(key string, field func(*parser) *spec.Optional[uint32]) setting {
	return func(p *parser, value string, line int) error {
		bits, err := strconv.ParseUint(value, 8, 32)
		if err != nil || bits > 0o7777 {
			return p.fail(line, "%s is octal, as in 0660, not %q", key, value)
		}
		*field(p) = spec.Some(uint32(bits))
		return nil
	}
}

func size(key string, field func(*parser) *int) setting {
	return func(p *parser, value string, line int) error {
		bytes, ok := parseSize(value)
		if !ok {
			return p.fail(line, "%s is a number of bytes, as in 64K, not %q", key, value)
		}
		*field(p) = bytes
		return nil
	}
}

// sizeUnit is a suffix of a size.
type sizeUnit struct {
	suffix string
	bytes  float64
}

// sizeUnits are the suffixes of a size. In a sum such as 1M 512K, each is smaller than the one before.
var sizeUnits = []sizeUnit{{"E", 1 << 60}, {"P", 1 << 50}, {"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"B", 1}, {"", 1}}

// parseSize reads bytes as systemd does. A size above what setsockopt(2) takes is the largest that it takes.
func parseSize(value string) (int, bool) {
	total, units := 0.0, sizeUnits
	for first := true; first || value != ""; first = false {
		rest := strings.TrimLeft(value, "0123456789")
		if strings.HasPrefix(rest, ".") && len(rest) < len(value) {
			rest = strings.TrimLeft(rest[1:], "0123456789")
		}
		number, err := strconv.ParseFloat(value[:len(value)-len(rest)], 64)
		if err != nil {
			return 0, false
		}
		rest = strings.TrimLeft(rest, blanks)
		i := slices.IndexFunc(units, func(u sizeUnit) bool { return strings.HasPrefix(rest, u.suffix) })
		if i < 0 {
			return 0, false
		}
		total += number * units[i].bytes
		value = strings.TrimLeft(rest[len(units[i].suffix):], blanks)
		units = units[i+1:]
	}
	return int(min(total, math.MaxInt32)), total < 1<<64
}

func backlog(p *parser, value string, line int) error {
	n, err := parseUint(value, 32)
	if err != nil {
		return p.fail(line, "Backlog is a number of connections, not %q", value)
	}
	p.options.Backlog = int(min(n, math.MaxInt32))
	return nil
}

func bindIPv6Only(p *parser, value string, line int) error {
	only, isBool := parseBoolean(value)
	switch {
	case value == "default":
		p.options.V6Only = spec.Optional[bool]{}
		return nil
	case value == "both", value == "ipv6-only":
		only = value == "ipv6-only"
	case !isBool:
		return p.fail(line, "BindIPv6Only is default, both or ipv6-only, not %q", value)
	}
	p.options.V6Only = spec.Some(only)
	return nil
}

// fileDescriptorName skips a bad name with a warning, as systemd does: the previous name, or the default, stays.
func fileDescriptorName(p *parser, value string, line int) error {
	name, err := p.unit.specifiers.expand(value)
	switch {
	case err != nil:
		p.warn(line, "skipped FileDescriptorName: %v", err)
	case name != "" && !isFDName(name):
		p.warn(line, "skipped FileDescriptorName %q: a name is 1 to 255 ASCII characters without %q", name, ":")
	default:
		p.fdName = name
	}
	return nil
}
