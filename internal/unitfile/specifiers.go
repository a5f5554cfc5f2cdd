package unitfile

import (
	"path/filepath"
	"strings"
)

// Host is what the specifiers about the user and the system stand for.
type Host struct {
	RuntimeDir string // %t
	Home       string // %h
	User       string // %u
	UID        string // %U
}

// specifiers are what stands for a "%" and a letter, "Specifiers" of systemd.unit(5).
type specifiers struct {
	unitName string
	values   map[byte]string
}

// specifiersOf returns those of the unit of that name: PREFIX@INSTANCE.socket, or PREFIX.socket.
func specifiersOf(unitName string, host Host) specifiers {
	full := strings.TrimSuffix(unitName, filepath.Ext(unitName))
	prefix, instance, _ := strings.Cut(full, "@")
	return specifiers{unitName, map[byte]string{
		'%': "%", 't': host.RuntimeDir, 'h': host.Home, 'u': host.User, 'U': host.UID,
		'n': unitName, 'N': full, 'p': prefix, 'i': instance,
	}}
}

// expand replaces each specifier, and returns the first that is not known.
func (s specifiers) expand(text string) (expanded, unknown string) {
	var b strings.Builder
	for {
		head, rest, found := strings.Cut(text, "%")
		b.WriteString(head)
		if !found {
			return b.String(), ""
		}
		if rest == "" {
			return b.String() + "%", "" // as systemd takes it
		}
		value, ok := s.values[rest[0]]
		if !ok {
			return "", "%" + rest[:1]
		}
		b.WriteString(value)
		text = rest[1:]
	}
}
