package spec

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Opening is what to open and how: a specification with its options.
//
// Openings are comparable; two that are equal open the same socket in the same way.
type Opening struct {
	Spec
	Options
}

// DefaultBacklog is long enough for the connections that arrive during a restart. It is net.core.somaxconn of Linux since 5.4.
const DefaultBacklog = 4096

// Defaults are the options of a socket if nobody asks for others.
func Defaults() Options { return Options{Backlog: DefaultBacklog} }

// Options say how a socket is opened, in the words of systemd.socket(5) and socket(7).
type Options struct {
	Backlog   int  // length of a listener's queue, in connections; the system may cap it
	NoReuse   bool // do not set SO_REUSEADDR, which TCP sockets get otherwise
	ReusePort bool // set SO_REUSEPORT on inet sockets

	Mode            Optional[uint32] // permission bits of a unix socket; unset: 0666 less the umask
	MakeDirectories bool             // make missing parent directories of a unix socket
	DirectoryMode   Optional[uint32] // permission bits of such directories; unset: 0755 less the umask

	V6Only          Optional[bool] // IPV6_V6ONLY of an IPv6 socket; unset: [::] takes IPv4, too
	FreeBind        bool           // bind addresses that the host does not have, if the system can
	NoDelay         bool           // TCP_NODELAY
	KeepAlive       bool           // SO_KEEPALIVE, on TCP
	Broadcast       bool           // SO_BROADCAST, on UDP
	PassCredentials bool           // SO_PASSCRED, on unix sockets, if the system has it
	ReceiveBuffer   int            // SO_RCVBUF, in bytes; 0 for the system's
	SendBuffer      int            // SO_SNDBUF, in bytes; 0 for the system's

	Nonblock bool // commands get it with O_NONBLOCK set
}

// Optional is a value that may be unset, as the zero Optional is.
type Optional[T comparable] struct {
	Value T
	IsSet bool
}

// Some returns v as a value that is set.
func Some[T comparable](v T) Optional[T] { return Optional[T]{v, true} }

// option is one of Options as text.
type option struct {
	name    string
	applies func(Type) bool                 // to a socket of that type
	format  func(Options) string            // its value
	parse   func(o *Options, v string) bool // false for a wrong value
	reset   func(o *Options)                // to its default
	isPast  bool                            // it is not a property of an open socket: it says what to do before, or afterwards
}

// options has a row for each of Options, in the order of their text.
var options = []option{
	number("backlog", DefaultBacklog, listens, func(o *Options) *int { return &o.Backlog }),
	flag("no-reuse", isTCP, func(o *Options) *bool { return &o.NoReuse }),
	flag("reuse-port", isInet, func(o *Options) *bool { return &o.ReusePort }),
	mode("mode", isUnix, func(o *Options) *Optional[uint32] { return &o.Mode }),
	past(flag("make-directories", isUnix, func(o *Options) *bool { return &o.MakeDirectories })),
	past(mode("directory-mode", isUnix, func(o *Options) *Optional[uint32] { return &o.DirectoryMode })),
	yesNo("ipv6-only", isInet, func(o *Options) *Optional[bool] { return &o.V6Only }),
	flag("free-bind", isInet, func(o *Options) *bool { return &o.FreeBind }),
	flag("no-delay", isTCP, func(o *Options) *bool { return &o.NoDelay }),
	flag("keep-alive", isTCP, func(o *Options) *bool { return &o.KeepAlive }),
	flag("broadcast", isUDP, func(o *Options) *bool { return &o.Broadcast }),
	flag("pass-credentials", isUnix, func(o *Options) *bool { return &o.PassCredentials }),
	number("receive-buffer", 0, isAny, func(o *Options) *int { return &o.ReceiveBuffer }),
	number("send-buffer", 0, isAny, func(o *Options) *int { return &o.SendBuffer }),
	past(flag("nonblock", isAny, func(o *Options) *bool { return &o.Nonblock })),
}

func isAny(Type) bool     { return true }
func isInet(t Type) bool  { return t.Family() == Inet }
func isUnix(t Type) bool  { return t.Family() == Unix }
func isTCP(t Type) bool   { return isInet(t) && listens(t) }
func isUDP(t Type) bool   { return isInet(t) && !listens(t) }
func listens(t Type) bool { return t.Transport() != Datagram }

func flag(name string, applies func(Type) bool, field func(*Options) *bool) option {
	return option{
		name: name, applies: applies,
		format: func(o Options) string { return strconv.FormatBool(*field(&o)) },
		parse: func(o *Options, v string) bool {
			*field(o) = true
			return v == ""
		},
		reset: func(o *Options) { *field(o) = false },
	}
}

func number(name string, standard int, applies func(Type) bool, field func(*Options) *int) option {
	return option{
		name: name, applies: applies,
		format: func(o Options) string { return strconv.Itoa(*field(&o)) },
		parse: func(o *Options, v string) bool {
			n, err := strconv.ParseUint(v, 10, 31)
			*field(o) = int(min(n, math.MaxInt32))
			return err == nil
		},
		reset: func(o *Options) { *field(o) = standard },
	}
}

func mode(name string, applies func(Type) bool, field func(*Options) *Optional[uint32]) option {
	return option{
		name: name, applies: applies,
		format: func(o Options) string { return fmt.Sprintf("%04o", field(&o).Value) },
		parse: func(o *Options, v string) bool {
			bits, err := strconv.ParseUint(v, 8, 12)
			*field(o) = Some(uint32(bits))
			return err == nil
		},
		reset: func(o *Options) { *field(o) = Optional[uint32]{} },
	}
}

func yesNo(name string, applies func(Type) bool, field func(*Options) *Optional[bool]) option {
	return option{
		name: name, applies: applies,
		format: func(o Options) string { return map[bool]string{true: "yes", false: "no"}[field(&o).Value] },
		parse: func(o *Options, v string) bool {
			*field(o) = Some(v == "yes")
			return v == "yes" || v == "no"
		},
		reset: func(o *Options) { *field(o) = Optional[bool]{} },
	}
}

func past(o option) option {
	o.isPast = true
	return o
}

// isDefault reports whether the option has its default in all.
func (o option) isDefault(all Options) bool {
	standard := all
	o.reset(&standard)
	return standard == all
}

// text is the option as it is written after "~"; a flag has no value.
func (o option) text(all Options) string {
	if value := o.format(all); value != "true" {
		return o.name + "=" + value
	}
	return o.name
}

// For returns o without the options that have no meaning for a socket of type t.
func (o Options) For(t Type) Options {
	for _, row := range options {
		if !row.applies(t) {
			row.reset(&o)
		}
	}
	return o
}

// Differs returns the first option, as text, that o asks for and that a socket opened with kept does not have; "" if there is none. An
// option that has its default in o is not asked for.
func (o Options) Differs(kept Options) string {
	for _, row := range options {
		if !row.isPast && !row.isDefault(o) && row.format(o) != row.format(kept) {
			return row.text(o)
		}
	}
	return ""
}

// Encode returns the opening in the form of SYSTEMFD_SOCKETS: [NAME=]TYPE::ADDRESS, then "~" and the option for each option that does
// not have its default. ParseOpening returns the same Opening. To a shell, its characters have no special meaning inside a word.
func (o Opening) Encode() string {
	var b strings.Builder
	if o.Name != "" {
		b.WriteString(encodeName(o.Name) + "=")
	}
	b.WriteString(percentEncode(string(o.Type)+"::"+o.Address(), plain))
	if o.Options == Defaults() { // the usual case: a look at each option allocates
		return b.String()
	}
	for _, row := range options {
		if !row.isDefault(o.Options) {
			b.WriteString("~" + row.text(o.Options))
		}
	}
	return b.String()
}

// ParseOpening reads what Encode returns. Its errors are *Error.
func ParseOpening(text string) (Opening, error) {
	head, tail, hasOptions := strings.Cut(text, "~")
	name, rest, named := cutName(head)
	o := Opening{Options: Defaults()}
	var problem string
	if o.Spec, problem, _ = parseValue(percentDecode(rest)); problem != "" {
		return Opening{}, &Error{Text: text, Problem: problem}
	}
	if o.Name = percentDecode(name); named && !isPassable(o.Name) {
		return Opening{}, &Error{Text: text, Problem: fmt.Sprintf("bad name %q", o.Name)}
	}
	for hasOptions {
		var field string
		field, tail, hasOptions = strings.Cut(tail, "~")
		name, value, _ := strings.Cut(field, "=")
		i := slices.IndexFunc(options, func(row option) bool { return row.name == name })
		if i < 0 || !options[i].parse(&o.Options, value) {
			return Opening{}, &Error{Text: text, Problem: fmt.Sprintf("bad option %q", field)}
		}
	}
	o.Options = o.For(o.Type)
	return o, nil
}

// isPassable reports whether LISTEN_FDNAMES can have name, which may be one that ValidName refuses.
func isPassable(name string) bool {
	return name != "" && !strings.ContainsAny(name, ":\x00")
}

// EncodeOpenings returns the value of SYSTEMFD_SOCKETS: openings, "," between.
func EncodeOpenings(all []Opening) string {
	texts := make([]string, len(all))
	for i, o := range all {
		texts[i] = o.Encode()
	}
	return strings.Join(texts, ",")
}

// ParseOpenings reads what EncodeOpenings returns. Its errors are *Error.
func ParseOpenings(text string) ([]Opening, error) {
	if text == "" {
		return nil, nil
	}
	return ParseEach(strings.Split(text, ","))
}

// ParseEach is ParseOpening of each text.
func ParseEach(texts []string) ([]Opening, error) {
	var all []Opening
	for _, text := range texts {
		o, err := ParseOpening(text)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// plain has the characters that are not encoded in an opening.
const plain = letters + "._/:@+=-"

const (
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" + digits
	digits  = "0123456789"
)

// encodeName also encodes characters that would end a name or make it a path.
func encodeName(name string) string {
	if rest, ok := strings.CutPrefix(name, "@"); ok {
		return "%40" + percentEncode(rest, letters+"._@+-")
	}
	return percentEncode(name, letters+"._@+-")
}

func percentEncode(text, plain string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// percentDecode undoes percentEncode; a "%" without two hex digits stands for itself.
func percentDecode(text string) string {
	var b strings.Builder
	for {
		head, rest, found := strings.Cut(text, "%")
		b.WriteString(head)
		if !found {
			return b.String()
		}
		if c, err := hex.DecodeString(rest[:min(2, len(rest))]); err == nil && len(c) == 1 {
			b.Write(c)
			rest = rest[2:]
		} else {
			b.WriteByte('%')
		}
		text = rest
	}
}
