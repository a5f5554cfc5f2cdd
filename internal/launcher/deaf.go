package launcher

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/systemfd/systemfd/internal/shell"
)

// deaf is a server that opens a port of its own and takes no socket. Its lists are as in arguments.go.
type deaf struct {
	name     string // base name of the program
	words    string // it is one only with one of these subcommands or flags; "" if it always is
	unless   string // it is none with one of these subcommands
	isCommon bool   // other programs have that name, too

	// How it is told the port.
	put    string // what to add to its arguments; "--port {port}" if ""
	beside string // the flag to add to that
	flags  string // its flags for the port or an address, other than --port
	values string // its flags whose value is the next argument, if they may precede the word or a port that has no flag

	measured string // the version
}

// ProxyHint says in one line that the server takes no socket, and what to type instead, with --proxy among o.Args. It is "" for any
// other server.
func (w Way) ProxyHint(o Outer) string {
	at := w.end
	d, word := deafOf(w.argv[at:])
	if d == nil {
		at += programIn(w.argv[at:])
		d, word = deafOf(w.argv[at:])
	}
	if d == nil || slices.ContainsFunc(w.argv[:at], isGiven) {
		return ""
	}
	called := d.name
	if word > 0 {
		called = join(called, w.argv[at+word])
	}
	argv := slices.Concat(w.argv[:at], d.withPort(w.argv[at:], word))
	return fmt.Sprintf("%s takes no socket; with --proxy it works: %s", called, o.line(shell.Join(argv)))
}

// programIn returns the index of the program that a runner of packages or scripts starts; 0 if argv is no runner.
func programIn(argv []string) int {
	for i := range runners {
		if r := &runners[i]; r.name == unversioned(argv[0]) {
			if _, is := r.is(argv[1:]); is {
				return r.commandIn(argv)
			}
		}
	}
	return 0
}

// deafOf returns the known server in argv, or nil, and the index of the word that makes it one, or 0.
func deafOf(argv []string) (d *deaf, word int) {
	name := unversioned(argv[0])
	for i := range deafs {
		if d := &deafs[i]; d.name == name && (!d.isCommon || isPackaged(argv[0])) {
			if word, is := d.is(argv); is {
				return d, word
			}
		}
	}
	return nil, 0
}

const digits = "0123456789"

// unversioned returns the base name of a program, of python3.11 without the version.
func unversioned(path string) string {
	name := filepath.Base(path)
	if base := strings.TrimRight(name, digits+"."); base == "php" || base == "python" {
		return base
	}
	return name
}

// isPackaged reports whether a program is looked for in PATH, or belongs to a package of npm's.
func isPackaged(path string) bool {
	return !strings.Contains(path, "/") || filepath.Base(filepath.Dir(path)) == ".bin"
}

// is reports whether argv is this server, and returns the index of the word that makes it one.
func (d *deaf) is(argv []string) (word int, is bool) {
	for i := 1; i < len(argv); i += d.span(argv[i]) {
		switch {
		case has(d.words, argv[i]):
			return i, true
		case !isFlag(argv[i]):
			return 0, d.words == "" && !has(d.unless, argv[i])
		}
	}
	return 0, d.words == ""
}

func (d *deaf) span(arg string) int {
	return max(span(arg, d.flags), span(arg, "port"), span(arg, d.values))
}

// saysPort reports whether a flag sets the port.
func (d *deaf) saysPort(name string) bool { return name == "port" || has(d.flags, name) }

// isGiven reports whether an argument of env(1) gives the server a socket after all, such as WERKZEUG_SERVER_FD=3.
func isGiven(arg string) bool {
	name, _, _ := strings.Cut(arg, "=")
	return isAssignment(arg) && strings.HasSuffix(name, "_FD")
}

// withPort returns argv with {port} in place of each port in it. If there is none, {port} goes behind the word, or to the end.
func (d *deaf) withPort(argv []string, word int) []string {
	argv = slices.Clone(argv)
	isThere := false
	for i := 1; i < len(argv); i += d.span(argv[i]) {
		if at, from := d.portIn(argv, i); at > 0 && at < len(argv) {
			argv[at] = argv[at][:from] + replaced(argv[at][from:])
			isThere = true
		}
	}
	put := strings.Fields(cmp.Or(d.put, "--port {port}"))
	switch {
	case isThere:
	case word > 0:
		argv = slices.Insert(argv, word+1, put...)
	default:
		argv = append(argv, put...)
	}
	if d.beside != "" && !slices.Contains(argv, d.beside) {
		argv = append(argv, d.beside)
	}
	return argv
}

// portIn returns the index of the argument that has the port of the flag or argument argv[i], and the offset of the port in it; 0 if
// there is none.
func (d *deaf) portIn(argv []string, i int) (at, from int) {
	arg := argv[i]
	name, value, isJoined := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	switch {
	case !isFlag(arg):
		if d.put == "{port}" && isPort(arg) {
			return i, 0
		}
	case d.saysPort(name) && isJoined:
		return i, len(arg) - len(value)
	case d.saysPort(name):
		return i + 1, 0
	case len(arg) > 2 && d.saysPort(arg[1:2]) && isPort(arg): // -p3000
		return i, 2
	}
	return 0, 0
}

// isPort reports whether a text ends in a port.
func isPort(text string) bool {
	return strings.Contains(text, "{port") || strings.TrimRight(text, digits) != text
}

// replaced returns a port, or an address with a port, with {port} in it.
func replaced(value string) string {
	switch host := strings.TrimRight(value, digits); {
	case strings.Contains(value, "{port"):
		return value
	case host == value: // another way to say where to listen
		return "{port}"
	default:
		return host + "{port}"
	}
}
