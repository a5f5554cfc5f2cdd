package unitfile

import (
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/systemfd/systemfd/internal/spec"
)

// setting carries out one directive of section Socket.
type setting func(p *parser, value string, line int) error

// settings has a row for each directive that means something here.
var settings = map[string]setting{
	"ListenStream":           listenOn(spec.Stream),
	"ListenDatagram":         listenOn(spec.Datagram),
	"ListenSequentialPacket": listenOn(spec.SeqPacket),
	"ListenFIFO":             noServerReads("ListenFIFO"),
	"ListenMessageQueue":     noServerReads("ListenMessageQueue"),
	"ListenNetlink":          noServerReads("ListenNetlink"),
	"ListenSpecial":          noServerReads("ListenSpecial"),
	"ListenUSBFunction":      noServerReads("ListenUSBFunction"),
	"Accept":                 boolean("Accept", func(u *Unit) *bool { return &u.Accept }),
	"Backlog":                backlog,
	"BindIPv6Only":           bindIPv6Only,
	"Broadcast":              boolean("Broadcast", func(u *Unit) *bool { return &u.Options.Broadcast }),
	"DirectoryMode":          mode("DirectoryMode", func(u *Unit, mode uint32) { u.Options.DirectoryMode = mode }),
	"FileDescriptorName":     fileDescriptorName,
	"FreeBind":               boolean("FreeBind", func(u *Unit) *bool { return &u.Options.FreeBind }),
	"KeepAlive":              boolean("KeepAlive", func(u *Unit) *bool { return &u.Options.KeepAlive }),
	"NoDelay":                boolean("NoDelay", func(u *Unit) *bool { return &u.Options.NoDelay }),
	"PassCredentials":        boolean("PassCredentials", func(u *Unit) *bool { return &u.Options.PassCredentials }),
	"ReceiveBuffer":          size("ReceiveBuffer", func(u *Unit) *int { return &u.Options.ReceiveBuffer }),
	"ReusePort":              boolean("ReusePort", func(u *Unit) *bool { return &u.Options.ReusePort }),
	"SendBuffer":             size("SendBuffer", func(u *Unit) *int { return &u.Options.SendBuffer }),
	"SocketMode":             mode("SocketMode", func(u *Unit, mode uint32) { u.Options.SocketMode = &mode }),
}

// listenOn adds a socket; the empty assignment takes back all that came before, of every kind.
func listenOn(transport spec.Transport) setting {
	return func(p *parser, value string, line int) error {
		if value == "" {
			p.listens = nil
			return nil
		}
		value, bad := p.specifiers.expand(value)
		if bad != "" {
			return p.fail(line, "unknown specifier %q", bad)
		}
		s, ok := parseAddress(value, transport)
		if !ok {
			return p.fail(line, "bad address %q: write PORT, IP:PORT, [IPv6]:PORT, /path or @name", value)
		}
		if s.Type == "" {
			return p.fail(line, "sequential packets go over unix sockets alone, %q is none", value)
		}
		p.listens = append(p.listens, listen{line, s})
		return nil
	}
}

// parseAddress reads an address as systemd.socket(5) has it: a port alone is every address. Port 0, any free one,
// is ours.
func parseAddress(value string, transport spec.Transport) (spec.Spec, bool) {
	if strings.HasPrefix(value, "/") || strings.HasPrefix(value, "@") {
		s := spec.Spec{Type: spec.TypeOf(spec.Unix, transport), Path: value}
		parsed, err := spec.Parse(s.String())
		return parsed, err == nil && parsed == s
	}
	s := spec.Spec{Type: spec.TypeOf(spec.Inet, transport)}
	if port, err := strconv.ParseUint(value, 10, 16); err == nil {
		s.Addr = netip.AddrPortFrom(spec.Any, uint16(port))
		return s, true
	}
	addr, err := netip.ParseAddrPort(value)
	s.Addr = addr
	return s, err == nil
}

func noServerReads(key string) setting {
	return func(p *parser, value string, line int) error {
		if value == "" {
			p.listens = nil
			return nil
		}
		return p.fail(line, "%s is not a socket that a server takes over; systemfd opens ListenStream, ListenDatagram and ListenSequentialPacket", key)
	}
}

func boolean(key string, field func(*Unit) *bool) setting {
	return func(p *parser, value string, line int) error {
		switch strings.ToLower(value) {
		case "1", "yes", "y", "true", "t", "on":
			*field(&p.unit) = true
		case "0", "no", "n", "false", "f", "off":
			*field(&p.unit) = false
		default:
			return p.fail(line, "%s is yes or no, not %q", key, value)
		}
		return nil
	}
}

func mode(key string, set func(*Unit, uint32)) setting {
	return func(p *parser, value string, line int) error {
		bits, err := strconv.ParseUint(value, 8, 32)
		if err != nil || bits > 0o7777 {
			return p.fail(line, "%s is octal, as in 0660, not %q", key, value)
		}
		set(&p.unit, uint32(bits))
		return nil
	}
}

func size(key string, field func(*Unit) *int) setting {
	return func(p *parser, value string, line int) error {
		bytes, ok := parseSize(value)
		if !ok {
			return p.fail(line, "%s is a number of bytes, as in 64K, not %q", key, value)
		}
		*field(&p.unit) = bytes
		return nil
	}
}

// parseSize reads bytes, with K, M or G for powers of 1024 and a fraction where there is a suffix.
func parseSize(value string) (int, bool) {
	number, unit := strings.TrimSuffix(value, "B"), 1.0
	for suffix, factor := range map[string]float64{"K": 1 << 10, "M": 1 << 20, "G": 1 << 30} {
		if head, ok := strings.CutSuffix(number, suffix); ok {
			number, unit = strings.TrimSpace(head), factor
			break
		}
	}
	if strings.Trim(number, "0123456789.") != "" || unit == 1 && strings.Contains(number, ".") {
		return 0, false
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n*unit > math.MaxInt32 {
		return 0, false
	}
	return int(n * unit), true
}

func backlog(p *parser, value string, line int) error {
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil || n == 0 {
		return p.fail(line, "Backlog is a number of connections, not %q", value)
	}
	p.unit.Options.Backlog = int(min(n, math.MaxInt32))
	return nil
}

func bindIPv6Only(p *parser, value string, line int) error {
	only := value == "ipv6-only"
	switch value {
	case "both", "ipv6-only":
		p.unit.Options.V6Only = &only
	case "default":
		p.unit.Options.V6Only = nil
	default:
		return p.fail(line, "BindIPv6Only is default, both or ipv6-only, not %q", value)
	}
	return nil
}

func fileDescriptorName(p *parser, value string, line int) error {
	name, bad := p.specifiers.expand(value)
	switch {
	case bad != "":
		return p.fail(line, "unknown specifier %q", bad)
	case name != "" && !spec.ValidName(name):
		return p.fail(line, "FileDescriptorName is 1 to 255 of A-Z a-z 0-9 . _ @ + -, not %q", name)
	}
	p.fdName = name
	return nil
}
