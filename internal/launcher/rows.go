package launcher

import (
	"cmp"
	"slices"
	"strings"
)

// Row is what a page says about a known program.
type Row struct {
	Name     string // with the word or flag that makes it known
	Does     string // to the sockets; "" for a server
	Line     string // what to type; "" if there is nothing to do
	File     string // the file for it, if it does not belong on the command line
	Measured string // the version
}

// does describes an effect.
var does = map[effect]string{
	becomes: "becomes its command",
	reloads: "loses the sockets when it reloads",
	forks:   "the process ID changes",
	closes:  "closes the sockets: `--hold`",
	hoards:  "closes the sockets and keeps them itself: `--hold`",
	blocks:  "passes nothing on: systemfd behind it",
}

// Launchers are the known launchers, in the order of their tables.
func Launchers() (rows []Row) {
	for _, l := range slices.Concat(launchers[:], shells[:]) {
		rows = append(rows, Row{l.title(), does[l.effect], l.example(), l.file(), cmp.Or(l.measured, "Debian 12")})
	}
	return rows
}

// title is the name with the word, and the first of the flags.
func (l *launcher) title() string { return join(l.name, l.word, dashed(l.flags)) }

// dashed is how the first flag of a list is typed.
func dashed(flags string) string {
	flag, _, _ := strings.Cut(flags, " ")
	switch {
	case flag == "", flag == "-":
		return flag
	case len(flag) == 1:
		return "-" + flag
	}
	return "--" + flag
}

// example is the launcher with systemfd right before ./server.
func (l *launcher) example() string {
	nested := join(cmp.Or(l.puts, "systemfd --"), "./server")
	switch {
	case l.effect == becomes:
		return ""
	case l.effect == blocks:
		return l.title() + " systemfd -s http::3000 -- ./server"
	case l.instead != "":
		return l.instead
	case l.files != "":
		return nested
	case l.pattern != "":
		return join(l.name, l.add, l.pattern)
	case strings.Contains(l.add, "systemfd"):
		return join(l.title(), l.add, "...")
	case l.eats:
		return join(l.name, "--", nested)
	}
	return join(l.title(), l.add, "...", nested)
}

// Servers are the known servers that take no socket, with the line for --proxy.
func Servers() (rows []Row) {
	for i := range deafs {
		d := &deafs[i]
		argv, word := []string{d.name}, 0
		if d.words != "" {
			first, _, _ := strings.Cut(d.words, " ")
			argv, word = append(argv, first), 1
		}
		line := argv
		if strings.HasPrefix(d.put, d.words+" ") { // the word is the flag for the port
			line, word = argv[:1], 0
		}
		rows = append(rows, Row{Name: join(argv...), Line: join(d.withPort(line, word)...), Measured: d.measured})
	}
	return rows
}
