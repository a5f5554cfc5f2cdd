// Package unitfile reads the openings of a .socket unit, systemd.socket(5), and applies --map. It is pure: the texts and the values of
// the specifiers come from the caller.
package unitfile

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/systemfd/systemfd/internal/shell"
	"github.com/systemfd/systemfd/internal/spec"
)

// Source is a text of a unit: its file, or a drop-in.
type Source struct{ File, Text string }

// Unit is a .socket unit. Maps.Apply makes openings of it.
type Unit struct {
	Accept   bool     // one process per connection
	Ignored  []string // directives that are not carried out, and whose effect a server would miss, each once
	Warnings []string // FILE:LINE: the text that is skipped

	specifiers specifiers
	listens    []listen // in the order of the texts
}

// listen is a Listen directive.
type listen struct {
	key     string // the directive
	address string // as written in the unit, with its specifiers expanded
	place   place
	opening spec.Opening // the zero Opening for a kind that we do not open
}

// Addresses returns all addresses that FROM of --map can mean, as written in the unit, each once.
func (u Unit) Addresses() (all []string) {
	for _, l := range u.listens {
		if !slices.Contains(all, l.address) {
			all = append(all, l.address)
		}
	}
	return all
}

// place is the place of a directive.
type place struct {
	file string
	line int
}

// Error says why a unit cannot be used, with the place: FILE:LINE, or only FILE if Line is 0.
type Error struct {
	File    string
	Line    int
	Problem string
	Remedy  string // what to write instead, if we know
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Problem
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
}

// Hint returns what to write instead.
func (e *Error) Hint() string { return e.Remedy }

// parser collects a unit, one directive at a time.
type parser struct {
	path    string // of the unit, as it was typed
	file    string // the file that is being read
	unit    Unit
	options spec.Options
	fdName  string
}

// Parse reads the texts of the unit called path: its file, whose name may be that of its template, then its drop-ins. Its errors
// are *Error.
//
// base are the options of the command line. A directive replaces its option, but ReusePort=no does not take back
// ReusePort of base. Missing parent directories are always made.
//
// A directive applies to all sockets of the unit, also to those before it.
func Parse(path string, sources []Source, host Host, base spec.Options) (Unit, error) {
	name := filepath.Base(path)
	p := &parser{path: path, file: path, options: base}
	p.unit.specifiers = specifiers{name, host}
	if prefix, instance, hasAt := cutName(name); hasAt && instance == "" {
		example := folderOf(path) + prefix + "@NAME" + filepath.Ext(name)
		return Unit{}, &Error{path, 0, "it is a template, which needs an instance", "name one: -u " + shell.Quote(example)}
	}
	for _, source := range sources {
		if err := p.read(source); err != nil {
			return Unit{}, err
		}
	}
	p.file = path
	return p.finish(base)
}

// read carries out one text.
func (p *parser) read(source Source) error {
	p.file = source.File
	section := ""
	for _, l := range logicalLines(source.Text) {
		if name, ok := strings.CutPrefix(l.text, "["); ok {
			if section, ok = strings.CutSuffix(name, "]"); !ok {
				return p.fail(l.number, "bad section header %.60q", l.text)
			}
			if directives()[section] == nil && !strings.HasPrefix(section, "X-") {
				p.warn(l.number, "unknown section %q", section)
			}
			continue
		}
		if err := p.assignment(section, l); err != nil {
			return err
		}
	}
	return nil
}

// assignment carries out a line of a section, or warns of it, as systemd does.
func (p *parser) assignment(section string, l line) error {
	key, value, ok := strings.Cut(l.text, "=")
	key, value = strings.Trim(key, blanks), strings.Trim(value, blanks)
	switch {
	case section == "":
		p.warn(l.number, "skipped %.60q, which stands before any section", l.text)
	case directives()[section] == nil: // not ours
	case !ok:
		p.warn(l.number, `skipped %.60q, which has no "="`, l.text)
	case key == "":
		p.warn(l.number, `skipped %.60q, which has no name before "="`, l.text)
	case !strings.HasPrefix(key, "X-"):
		return p.directive(section, key, value, l.number)
	}
	return nil
}

func (p *parser) directive(section, key, value string, line int) error {
	isSeen, isKnown := directives()[section][key]
	switch set := settings()[key]; {
	case section == "Socket" && set != nil:
		return set(p, value, line)
	case !isKnown:
		p.warn(line, "unknown directive %q in section %q", key, section)
	case isSeen:
		p.ignore(key, value)
	}
	return nil
}

// ignore notes a directive that is not carried out, unless its last value has no effect.
func (p *parser) ignore(key, value string) {
	i := slices.Index(p.unit.Ignored, key)
	yes, isBool := parseBoolean(value)
	switch isEmpty := value == "" || isBool && !yes; {
	case isEmpty && i >= 0:
		p.unit.Ignored = slices.Delete(p.unit.Ignored, i, i+1)
	case !isEmpty && i < 0:
		p.unit.Ignored = append(p.unit.Ignored, key)
	}
}

// finish gives every socket the name and the options of the unit. It keeps the options for all types, because --map can change the type:
// if a path replaces a port, SocketMode applies to it.
func (p *parser) finish(base spec.Options) (Unit, error) {
	if len(p.unit.listens) == 0 {
		return Unit{}, p.fail(0, "it opens no socket: there is no ListenStream, ListenDatagram or ListenSequentialPacket")
	}
	name := p.fdName
	if name == "" {
		name = p.unit.specifiers.unitName
	}
	if !isFDName(name) {
		return Unit{}, p.fail(0, "%q cannot name a descriptor: set FileDescriptorName", name)
	}
	p.options.ReusePort = p.options.ReusePort || base.ReusePort
	p.options.MakeDirectories = true
	for i := range p.unit.listens {
		if o := &p.unit.listens[i].opening; o.Type != "" {
			o.Name, o.Options = name, p.options
		}
	}
	return p.unit, nil
}

// isFDName reports whether systemd accepts name for a descriptor: ASCII without control characters and ":".
func isFDName(name string) bool {
	return name != "" && len(name) <= 255 && !strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c > '~' || c == ':' })
}

func (p *parser) fail(line int, format string, args ...any) error {
	return &Error{File: p.file, Line: line, Problem: fmt.Sprintf(format, args...)}
}

func (p *parser) warn(line int, format string, args ...any) {
	p.unit.Warnings = append(p.unit.Warnings, p.fail(line, format, args...).Error())
}
