// Package unitfile reads a .socket unit, systemd.socket(5), as what to open. It is pure: the text and the values of
// the specifiers come from the caller.
package unitfile

import (
	_ "embed"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/systemfd/systemfd/internal/spec"
)

// Unit is what a .socket unit opens, and how.
type Unit struct {
	Specs    []spec.Spec // in the order of the file
	Accept   bool        // one process a connection
	Options  Options
	Ignored  []string // directives that mean nothing outside systemd, each once
	Warnings []string // FILE:LINE: what is not known
}

// Options are the unit's settings for all of its sockets. A nil pointer, or 0, leaves what is usual.
type Options struct {
	Backlog         *int    // connections
	SocketMode      *uint32 // permission bits of unix sockets
	DirectoryMode   *uint32 // of missing parent folders of unix sockets
	V6Only          *bool   // BindIPv6Only, nil for default
	ReusePort       bool
	FreeBind        bool
	NoDelay         bool
	KeepAlive       bool
	Broadcast       bool
	PassCredentials bool
	ReceiveBuffer   int // bytes
	SendBuffer      int // bytes
}

// Error is a unit that cannot be used, with the place: FILE:LINE, or FILE alone where it is the whole.
type Error struct {
	File    string
	Line    int
	Problem string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Problem
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
}

// parser collects a unit, a directive at a time.
type parser struct {
	file       string
	specifiers specifiers
	unit       Unit
	listens    []listen
	fdName     string
}

// listen is a Listen directive; the name and the protocol come with the whole unit.
type listen struct {
	line int
	spec spec.Spec
}

// Parse reads the unit file called file, whose name may differ from its path. Its errors are *Error.
func Parse(file, text string, host Host) (Unit, error) {
	p := &parser{file: file, specifiers: specifiersOf(filepath.Base(file), host)}
	section := ""
	for _, l := range logicalLines(text) {
		if name, ok := strings.CutPrefix(l.text, "["); ok {
			if section, ok = strings.CutSuffix(name, "]"); !ok {
				return Unit{}, p.fail(l.number, "bad section header %q", l.text)
			}
			if directives[section] == nil && !strings.HasPrefix(section, "X-") {
				p.warn(l.number, "unknown section %q", section)
			}
			continue
		}
		key, value, ok := strings.Cut(l.text, "=")
		if !ok {
			return Unit{}, p.fail(l.number, "no %q in %q", "=", l.text)
		}
		if section == "" {
			return Unit{}, p.fail(l.number, "%q stands before any section", l.text)
		}
		if err := p.directive(section, strings.Trim(key, blanks), strings.Trim(value, blanks), l.number); err != nil {
			return Unit{}, err
		}
	}
	return p.finish()
}

func (p *parser) directive(section, key, value string, line int) error {
	set := settings[key]
	switch {
	case key == "":
		return p.fail(line, "no name before %q", "=")
	case directives[section] == nil, strings.HasPrefix(key, "X-"):
		return nil // of a section that is not ours
	case section == "Socket" && set != nil:
		return set(p, value, line)
	case !slices.Contains(directives[section], key):
		p.warn(line, "unknown directive %q in section %q", key, section)
	case !slices.Contains(p.unit.Ignored, key):
		p.unit.Ignored = append(p.unit.Ignored, key)
	}
	return nil
}

// finish names the sockets. FileDescriptorName stands anywhere in the unit and is for all of its sockets.
func (p *parser) finish() (Unit, error) {
	if len(p.listens) == 0 {
		return Unit{}, p.fail(0, "it opens no socket: there is no ListenStream, ListenDatagram or ListenSequentialPacket")
	}
	name := p.fdName
	if name == "" {
		name = p.specifiers.unitName
	}
	if !spec.ValidName(name) {
		return Unit{}, p.fail(0, "%q cannot name a descriptor: set FileDescriptorName", name)
	}
	for _, l := range p.listens {
		if p.unit.Accept && l.spec.Type.Transport() == spec.Datagram {
			return Unit{}, p.fail(l.line, "Accept needs sockets that listen, %s does not", l.spec.Type)
		}
		l.spec.Name = name
		p.unit.Specs = append(p.unit.Specs, l.spec)
	}
	return p.unit, nil
}

func (p *parser) fail(line int, format string, args ...any) error {
	return &Error{p.file, line, fmt.Sprintf(format, args...)}
}

func (p *parser) warn(line int, format string, args ...any) {
	p.unit.Warnings = append(p.unit.Warnings, p.fail(line, format, args...).Error())
}

// blanks are what systemd takes for white space: no other character of Unicode.
const blanks = " \t\r"

// line is a logical line: continued ones joined, without comments.
type line struct {
	number int // of its first
	text   string
}

// logicalLines joins lines that end in a backslash, as systemd.syntax(7) has it: comments between them are left
// out, and a blank takes the backslash's place.
func logicalLines(text string) []line {
	var lines []line
	continued := false
	for i, text := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		text = strings.TrimLeft(strings.TrimSuffix(text, "\r"), blanks)
		if strings.HasPrefix(text, "#") || strings.HasPrefix(text, ";") {
			continue
		}
		if !continued {
			lines = append(lines, line{number: i + 1})
		}
		last := &lines[len(lines)-1]
		last.text += text
		if continued = endsEscaped(text); continued {
			last.text = last.text[:len(last.text)-1] + " "
		}
	}
	for i := range lines {
		lines[i].text = strings.Trim(lines[i].text, blanks)
	}
	return slices.DeleteFunc(lines, func(l line) bool { return l.text == "" })
}

// endsEscaped reports whether text ends in a backslash that no other one escapes.
func endsEscaped(text string) bool {
	return (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1
}

//go:embed directives.txt
var directivesText string

// directives has what may stand in each section that we know.
var directives = parseDirectives(directivesText)

func parseDirectives(text string) map[string][]string {
	sections, section := map[string][]string{}, ""
	for name := range strings.Lines(text) {
		name = strings.TrimSpace(name)
		switch {
		case strings.HasPrefix(name, "#"):
		case strings.HasPrefix(name, "["):
			section = strings.Trim(name, "[]")
		default:
			sections[section] = append(sections[section], name)
		}
	}
	return sections
}
