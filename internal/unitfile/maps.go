package unitfile

import (
	"fmt"
	"net/netip"
	"path"
	"strings"

	"github.com/systemfd/systemfd/internal/shell"
	"github.com/systemfd/systemfd/internal/spec"
)

// Maps are every --map FROM=TO of a command line. The zero Maps change no address.
type Maps struct {
	all  []*addressMap
	said []string // every address of the units so far
}

// addressMap is one --map FROM=TO. Each side is a port, an address or a path; TO may be "-". A path may have a "=", so the two sides can
// be told apart only with the address of a unit.
type addressMap struct {
	text string
	used bool
}

// leaveOut is the TO that opens nothing.
const leaveOut = "-"

// MapError is a --map that cannot be carried out, or is missing.
type MapError struct {
	Text   string
	Remedy string // what to write instead
}

func (e *MapError) Error() string { return e.Text }

// Hint returns what to write instead.
func (e *MapError) Hint() string { return e.Remedy }

// ParseMaps reads the values of --map. Its errors are *MapError.
func ParseMaps(texts []string) (*Maps, error) {
	maps := &Maps{}
	for _, text := range texts {
		if from, to, _ := strings.Cut(text, "="); from == "" || to == "" {
			return nil, &MapError{fmt.Sprintf("--map %q is not FROM=TO", text), "write --map 80=8080, --map /run/app.sock=./app.sock or --map 80=-"}
		}
		maps.all = append(maps.all, &addressMap{text: text})
	}
	return maps, nil
}

// Apply returns the openings of a unit. The last --map whose FROM is the address of a socket changes that address, or leaves the socket
// out. Options that have no meaning for the type of a socket are left out.
//
// A --map counts as used even if a later one has the same FROM. The errors are *Error, *MapError and, if TO is not an address,
// *spec.Error.
func (maps *Maps) Apply(unit Unit) (openings []spec.Opening, err error) {
	var foreign []listen
	for _, l := range unit.listens {
		maps.said = append(maps.said, l.address)
		to, err := maps.target(unit.specifiers, l)
		switch {
		case err != nil:
			return nil, err
		case to == nil: // left out
		case to.Type == "":
			foreign = append(foreign, l)
		case unit.Accept && to.Type.Transport() == spec.Datagram:
			return nil, &Error{l.place.file, l.place.line, fmt.Sprintf("Accept needs sockets that listen, %s does not", to.Type), leaveOutHint(l)}
		default:
			openings = append(openings, spec.Opening{Spec: *to, Options: l.opening.For(to.Type)})
		}
	}
	if len(foreign) > 0 {
		l := foreign[0]
		return nil, &Error{l.place.file, l.place.line, fmt.Sprintf("systemfd does not open %s=%s", l.key, l.address), leaveOutHint(foreign...)}
	}
	return openings, nil
}

// leaveOutHint says how to open the other sockets of a unit.
func leaveOutHint(listens ...listen) string {
	words := make([]string, len(listens))
	for i, l := range listens {
		words[i] = "--map " + shell.Quote(l.address+"="+leaveOut)
	}
	it := "it"
	if len(listens) > 1 {
		it = "them"
	}
	return "leave " + it + " out: " + strings.Join(words, " ")
}

// target returns what to open for l: nil if it is left out, the zero Spec if it is of a kind that we do not open.
func (maps *Maps) target(s specifiers, l listen) (*spec.Spec, error) {
	target := &l.opening.Spec
	for _, m := range maps.all {
		from, to, ok := m.cut(s, l)
		if !ok {
			continue
		}
		m.used = true
		switch {
		case to == leaveOut:
			target = nil
		case l.opening.Type == "":
			target = &l.opening.Spec
		default:
			mapped, err := apply(from, to, l.opening.Spec)
			if err != nil {
				return nil, err
			}
			target = &mapped
		}
	}
	return target, nil
}

// cut returns the two sides if FROM means l, as it was typed or with the specifiers of the unit expanded.
func (m *addressMap) cut(s specifiers, l listen) (from, to string, ok bool) {
	for i := range len(m.text) - 1 {
		if from = m.text[:i]; m.text[i] != '=' || from == "" {
			continue
		}
		expanded, err := s.expand(from)
		if l.isAt(from) || err == nil && l.isAt(expanded) {
			return from, m.text[i+1:], true
		}
	}
	return "", "", false
}

// isAt reports whether from is the port, the address or the path of l, written as units or as -s have it.
func (l listen) isAt(from string) bool {
	s := l.opening.Spec
	switch {
	case from == l.address:
		return true
	case s.Type == "" || s.Path != "":
		return strings.HasPrefix(from, "/") && simple(from) == simple(l.address)
	}
	isPort := strings.Trim(from, "0123456789") == ""
	typed, err := spec.Parse(string(s.Type) + "::" + from)
	said, ok := parseAddress(from, s.Type.Transport())
	return err == nil && typed.Port() == s.Port() && (isPort || typed.Addr == s.Addr) || ok && !isPort && said.Addr == s.Addr
}

// simple is a cleaned path, below /run if it is below /var/run.
func simple(name string) string { return path.Clean(withoutVar(path.Clean(name))) }

// apply replaces the address of s by to. If to is only a port, the IP address stays. Between a path and a port, the transport stays.
func apply(from, to string, s spec.Spec) (spec.Spec, error) {
	if number, _ := strings.CutSuffix(to, "+"); strings.Trim(number, "0123456789") == "" && s.Path == "" {
		port, err := spec.Parse(string(s.Type) + "::" + to)
		s.Addr, s.Next = netip.AddrPortFrom(s.Addr.Addr(), port.Port()), port.Next
		return s, err
	}
	family := spec.Inet
	if strings.Contains(to, "/") || strings.HasPrefix(to, "@") {
		family = spec.Unix
	}
	kind := spec.TypeOf(family, s.Type.Transport())
	if kind == "" {
		return spec.Spec{}, &MapError{fmt.Sprintf("--map %s=%s: %s goes only over a path", from, to, s.Type), "TO has a /, or is @name"}
	}
	mapped, err := spec.Parse(string(kind) + "::" + to)
	if err != nil {
		return spec.Spec{}, err
	}
	mapped.Name = s.Name
	return mapped, nil
}

// Unused returns a *MapError for the first --map that matched no address in any call of Apply.
func (maps *Maps) Unused() error {
	for _, m := range maps.all {
		if m.used {
			continue
		}
		hint := "FROM is what a unit says: " + strings.Join(maps.said, ", ")
		if len(maps.said) == 0 {
			hint = "it changes what a unit says: -u FILE"
		}
		return &MapError{fmt.Sprintf("--map %q means no socket of a unit", m.text), hint}
	}
	return nil
}
