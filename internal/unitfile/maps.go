package unitfile

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/systemfd/systemfd/internal/spec"
)

// Maps are every --map FROM=TO of a command line. The zero Maps change no address.
type Maps []*addressMap

// addressMap is one --map FROM=TO. Each side is a port, an address or a path.
type addressMap struct {
	from, to string
	used     bool
}

// MapError is a --map that cannot be carried out.
type MapError struct {
	Text   string
	Remedy string // what to write instead
}

func (e *MapError) Error() string { return e.Text }

// Hint returns what to write instead.
func (e *MapError) Hint() string { return e.Remedy }

// ParseMaps reads the values of --map. Its errors are *MapError.
func ParseMaps(texts []string) (Maps, error) {
	var maps Maps
	for _, text := range texts {
		from, to, ok := strings.Cut(text, "=")
		if !ok || from == "" || to == "" {
			return nil, &MapError{fmt.Sprintf("--map %q is not FROM=TO", text), "write --map 80=8080 or --map /run/app.sock=./app.sock"}
		}
		maps = append(maps, &addressMap{from: from, to: to})
	}
	return maps, nil
}

// Apply returns an opening of Parse as it is to be opened: at the address that the last --map with its address in
// FROM says, and without the options that mean nothing for its type. These are dropped here and not in Parse, because
// a --map can change the type: SocketMode of a unit that says a port holds for the path in TO.
//
// A --map counts as used even if a later one has the same FROM. Its errors are *MapError and, if TO is no address,
// *spec.Error.
func (maps Maps) Apply(o spec.Opening) (spec.Opening, error) {
	mapped := o.Spec
	for _, m := range maps {
		if !m.matches(o.Spec) {
			continue
		}
		m.used = true
		var err error
		if mapped, err = m.apply(o.Spec); err != nil {
			return spec.Opening{}, err
		}
	}
	return spec.Opening{Spec: mapped, Options: o.For(mapped.Type)}, nil
}

// matches reports whether FROM is the port, the address or the path of s.
func (m *addressMap) matches(s spec.Spec) bool {
	if s.Path != "" {
		return m.from == s.Path
	}
	from, err := spec.Parse(string(s.Type) + "::" + m.from)
	isPort := strings.Trim(m.from, "0123456789") == ""
	return err == nil && from.Addr.Port() == s.Addr.Port() && (isPort || from.Addr == s.Addr)
}

// apply puts TO in place of the address of s. If TO is only a port, the IP address stays; between a path and a port,
// the transport stays.
func (m *addressMap) apply(s spec.Spec) (spec.Spec, error) {
	if port, err := strconv.ParseUint(m.to, 10, 16); err == nil && s.Path == "" {
		s.Addr = netip.AddrPortFrom(s.Addr.Addr(), uint16(port))
		return s, nil
	}
	family := spec.Inet
	if strings.Contains(m.to, "/") || strings.HasPrefix(m.to, "@") {
		family = spec.Unix
	}
	kind := spec.TypeOf(family, s.Type.Transport())
	if kind == "" {
		return spec.Spec{}, &MapError{fmt.Sprintf("--map %s=%s: %s goes only over a path", m.from, m.to, s.Type), "TO has a /, or is @name"}
	}
	to, err := spec.Parse(string(kind) + "::" + m.to)
	if err != nil {
		return spec.Spec{}, err
	}
	to.Name = s.Name
	return to, nil
}

// Unused returns a *MapError for the first --map that matched no opening in any call of Apply.
func (maps Maps) Unused() error {
	for _, m := range maps {
		if !m.used {
			return &MapError{fmt.Sprintf("--map %q means no socket of a unit", m.from+"="+m.to), "FROM is a port, an address or a path as the unit says it"}
		}
	}
	return nil
}
