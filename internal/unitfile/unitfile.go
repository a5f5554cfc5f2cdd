// Package unitfile reads a .socket unit, systemd.socket(5), as what to open, and carries out --map. It is pure: the
// text and the values of the specifiers come from the caller.
package unitfile

import (
	_ "embed"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/systemfd/systemfd/internal/spec"
)

// Unit is what a .socket unit opens, and how.
type Unit struct {
	Openings []spec.Opening // in the order of the file; for Maps.Apply
	Accept   bool           // one process per connection
	Ignored  []string       // directives that mean nothing outside systemd, each once
	Warnings []string       // FILE:LINE: what is unknown
}

// Error is a unit that cannot be used, with the place: FILE:LINE, or only FILE if Line is 0.
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

// parser collects a unit, one directive at a time.
type parser struct {
	file       string
	specifiers specifiers
	unit       Unit
	options    spec.Options
	listens    []listen
	fdName     string
}

// listen is a Listen directive. Its name and its options are known at the end of the unit.
type listen struct {
	line int
	spec spec.Spec
}

// Parse reads the unit file called file, whose name may differ from its path. Its errors are *Error.
//
// base are the options of the command line. A directive replaces its option, but ReusePort=no does not take back
// ReusePort of base. Missing parent directories are always made.
//
// A directive holds for every socket of the unit, wherever it stands. So the openings have equal options, even those
// that mean nothing for their type; Maps.Apply drops them. Call it before opening, even without any --map.
func Parse(file, text string, host Host, base spec.Options) (Unit, error) {
	p := &parser{file: file, specifiers: specifiersOf(filepath.Base(file), host), options: base}
	section := ""
	for _, l := range logicalLines(text) {
		if name, ok := strings.CutPrefix(l.text, "["); ok {
			if section, ok = strings.CutSuffix(name, "]"); !ok {
				return Unit{}, p.fail(l.number, "bad section header %q", l.text)
			}
			if directives()[section] == nil && !strings.HasPrefix(section, "X-") {
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
	p.options.ReusePort = p.options.ReusePort || base.ReusePort
	p.options.MakeDirectories = true
	return p.finish()
}

func (p *parser) directive(section, key, value string, line int) error {
	set := settings()[key]
	switch {
	case key == "":
		return p.fail(line, "no name before %q", "=")
	case directives()[section] == nil, strings.HasPrefix(key, "X-"):
		return nil // of a section that is not ours
	case section == "Socket" && set != nil:
		return set(p, value, line)
	case !slices.Contains(directives()[section], key):
		p.warn(line, "unknown directive %q in section %q", key, section)
	case !slices.Contains(p.unit.Ignored, key):
		p.unit.Ignored = append(p.unit.Ignored, key)
	}
	return nil
}

// finish gives every socket the name and the options of the unit.
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
		p.unit.Openings = append(p.unit.Openings, spec.Opening{Spec: l.spec, Options: p.options})
	}
	return p.unit, nil
}

func (p *parser) fail(line int, format string, args ...any) error {
	return &Error{p.file, line, fmt.Sprintf(format, args...)}
}

func (p *parser) warn(line int, format string, args ...any) {
	p.unit.Warnings = append(p.unit.Warnings, p.fail(line, format, args...).Error())
}

// blanks are what systemd takes for white space. No other character of Unicode is.
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

// directives lists the directives of each section that we know. It is made when a unit is read: most runs read none.
var directives = sync.OnceValue(func() map[string][]string { return parseDirectives(directivesText) })

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
