package cli

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/systemfd/systemfd/internal/spec"
)

// unitMap is one --map FROM=TO: each a port, an address or a path.
type unitMap struct {
	from, to string
	used     bool
}

type unitMaps []*unitMap

func parseMaps(texts []string) (unitMaps, error) {
	var maps unitMaps
	for _, text := range texts {
		from, to, ok := strings.Cut(text, "=")
		if !ok || from == "" || to == "" {
			return nil, &usageError{fmt.Sprintf("--map %q is not FROM=TO", text), "write --map 80=8080 or --map /run/app.sock=./app.sock"}
		}
		maps = append(maps, &unitMap{from: from, to: to})
	}
	return maps, nil
}

// apply returns s with what the last --map that means it says.
func (maps unitMaps) apply(s spec.Spec) (spec.Spec, error) {
	mapped := s
	for _, m := range maps {
		if !m.means(s) {
			continue
		}
		m.used = true
		var err error
		if mapped, err = m.apply(s); err != nil {
			return spec.Spec{}, err
		}
	}
	return mapped, nil
}

// means reports whether FROM is the port, the address or the path of s.
func (m *unitMap) means(s spec.Spec) bool {
	if s.Path != "" {
		return m.from == s.Path
	}
	from, err := spec.Parse(string(s.Type) + "::" + m.from)
	isPort := strings.Trim(m.from, "0123456789") == ""
	return err == nil && from.Addr.Port() == s.Addr.Port() && (isPort || from.Addr == s.Addr)
}

// apply puts TO in place of the address of s; a port alone keeps the rest. Between a path and a port the transport
// stays.
func (m *unitMap) apply(s spec.Spec) (spec.Spec, error) {
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
		return spec.Spec{}, &usageError{fmt.Sprintf("--map %s=%s: %s goes over a path alone", m.from, m.to, s.Type), "TO has a /, or is @name"}
	}
	to, err := spec.Parse(string(kind) + "::" + m.to)
	if err != nil {
		return spec.Spec{}, err
	}
	to.Name = s.Name
	return to, nil
}

// unused complains of a --map that means no socket of any unit.
func (maps unitMaps) unused() error {
	for _, m := range maps {
		if !m.used {
			return &usageError{fmt.Sprintf("--map %q means no socket of a unit", m.from+"="+m.to), "FROM is a port, an address or a path as the unit says it"}
		}
	}
	return nil
}
