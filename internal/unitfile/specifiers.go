package unitfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
)

// Host returns the value of a specifier about the system or its user, see "Specifiers" of systemd.unit(5). It is called only for the
// specifiers in a text, because some have to be looked up.
type Host func(specifier byte) (string, error)

// ofHost are the specifiers that a Host is asked for.
const ofHost = "aAbBCDEgGhHlLmMoqsStTuUvVwWyY"

// ofName are the specifiers whose value is in the name of the unit, and "%%".
const ofName = "nNpPiIjJf%"

// specifiers expand "%" and a letter in the texts of one unit.
type specifiers struct {
	unitName string
	host     Host
}

// expand replaces each specifier. As in systemd, a "%" before anything but a letter or a digit stands for itself.
func (s specifiers) expand(text string) (string, error) {
	var b strings.Builder
	for {
		head, rest, found := strings.Cut(text, "%")
		b.WriteString(head)
		switch {
		case !found:
			return b.String(), nil
		case rest == "" || !isAlnum(rest[0]) && rest[0] != '%':
			b.WriteByte('%')
			text = rest
			continue
		}
		value, err := s.value(rest[0])
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		text = rest[1:]
	}
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// value returns the value of one specifier.
func (s specifiers) value(specifier byte) (value string, err error) {
	switch {
	case specifier == 'd':
		err = errors.New("only systemd has a directory of credentials")
	case strings.IndexByte(ofHost, specifier) >= 0:
		value, err = s.host(specifier)
	case strings.IndexByte(ofName, specifier) >= 0:
		value, err = s.valueOfName(specifier)
	default:
		return "", fmt.Errorf(`unknown specifier "%%%c"`, specifier)
	}
	if err != nil {
		return "", fmt.Errorf(`no value for "%%%c": %w`, specifier, err)
	}
	return value, nil
}

// valueOfName returns the value of one of ofName.
func (s specifiers) valueOfName(specifier byte) (string, error) {
	prefix, instance, _ := cutName(s.unitName)
	last := prefix[strings.LastIndexByte(prefix, '-')+1:]
	switch specifier {
	case 'n':
		return s.unitName, nil
	case 'N':
		return strings.TrimSuffix(s.unitName, filepath.Ext(s.unitName)), nil
	case 'p':
		return prefix, nil
	case 'P':
		return unescape(prefix)
	case 'i':
		return instance, nil
	case 'I':
		return unescape(instance)
	case 'j':
		return last, nil
	case 'J':
		return unescape(last)
	case 'f':
		return unescapePath(prefix, instance)
	}
	return "%", nil
}

// unescape undoes systemd-escape(1): "-" is "/", and \xHH a byte.
func unescape(text string) (string, error) {
	var b strings.Builder
	for rest := text; rest != ""; {
		switch c := rest[0]; {
		case c == '-':
			b.WriteByte('/')
			rest = rest[1:]
		case c == '\\':
			bytes, err := hex.DecodeString(strings.TrimPrefix(rest[:min(4, len(rest))], `\x`))
			if err != nil || len(bytes) != 1 {
				return "", fmt.Errorf("%q is not as systemd-escape writes it", text)
			}
			b.Write(bytes)
			rest = rest[4:]
		default:
			b.WriteByte(c)
			rest = rest[1:]
		}
	}
	return b.String(), nil
}

// unescapePath undoes systemd-escape --path of the instance, or else of the prefix.
func unescapePath(prefix, instance string) (string, error) {
	escaped := instance
	if escaped == "" {
		escaped = prefix
	}
	if escaped == "-" {
		return "/", nil
	}
	name, err := unescape(escaped)
	if err != nil {
		return "", err
	}
	if full := "/" + name; name != "" && full == path.Clean(full) {
		return full, nil
	}
	return "", fmt.Errorf("%q is not as systemd-escape --path writes it", escaped)
}
