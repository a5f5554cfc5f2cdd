// Package launcher knows programs that start others: what they do to the process ID, the descriptors and the environment of a server,
// and how to put systemfd right before the server. It also knows servers that take no socket.
package launcher

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/process"
)

// effect is what a launcher does to the sockets on their way to the server. A greater effect is worse.
type effect int

const (
	becomes effect = iota // it becomes the server, by exec: the row is there because another launcher may follow
	reloads               // the server loses the sockets at the first reload
	forks                 // the server has another process ID
	closes                // the server does not find the descriptors: closed, or replaced
	hoards                // the same, and a process stays that would keep the sockets open
	blocks                // the server finds nothing, and no way to a holder
)

// launcher is a program that starts the server, and how to put systemfd right before the server. Its lists of flags are as in
// arguments.go.
type launcher struct {
	name     string // base name of the program
	word     string // it is one only with this subcommand; "" if it always is
	flags    string // it is one only with any of these flags; "" if it always is
	unless   string // it is none with any of these flags
	isLeader bool   // it is one only if it leads a process group
	isScript bool   // it is one only if no file follows the word
	effect   effect
	drops    bool   // it drops the environment, unless add is there
	values   string // its flags whose value is the next argument
	operands int    // how many other arguments may precede the command, or the flag of text

	// Where the command is.
	ends    bool   // its arguments end in it
	after   string // if they do: behind this word, in place of flags and operands
	isKnown bool   // if they do: it looks for programs in a place of its own, where systemfd is not
	eats    bool   // if they do: it takes the first "--" for its own, at any place
	isFar   bool   // if they do: it does not look for programs in our PATH
	text    string // it is a text for a shell, the value of one of these flags
	files   string // it is in one of these files; people know the last

	// What to type.
	puts    string // before the command; "systemfd --" if ""
	add     string // arguments right behind its name and word, too
	addFlag string // the flags that show that these are there already
	pattern string // an example of arguments, if its own do not say where the command is
	instead string // another line

	measured string // the version; "" is that of Debian 12
}

// launcherOf returns the known launcher in argv, and the word and flag that make it one; or nil.
func launcherOf(argv []string) (l *launcher, because string) {
	name := filepath.Base(argv[0])
	for i := range launchers {
		if l := &launchers[i]; l.name == name {
			if because, ok := l.is(argv[1:]); ok {
				return l, because
			}
		}
	}
	return shellOfText(argv), ""
}

// shellOfText returns the shell in argv, if that shell starts a command of -c as a child. It looks at the file, not at the name: sh is
// dash on some systems.
func shellOfText(argv []string) *launcher {
	name := ""
	for i := range shells {
		l := &shells[i]
		text, at := l.textIn(argv)
		if at == 0 || slices.Contains(words(text), "exec") {
			continue
		}
		if name == "" {
			name = programOf(argv[0])
		}
		if l.name == name {
			return l
		}
	}
	return nil
}

// programOf returns the base name of the file that a command runs, "." if there is none.
func programOf(command string) string {
	file, err := handoff.LookPath(command)
	if err == nil {
		file, err = filepath.EvalSymlinks(file)
	}
	if err != nil {
		return "."
	}
	return filepath.Base(file)
}

// is reports whether these arguments make a program of that name this launcher, and returns the word and flag that do.
func (l *launcher) is(args []string) (because string, is bool) {
	word, hasFlags, operands := l.word, l.flags == "", l.operands
	for len(args) > 0 && args[0] != "--" {
		arg := args[0]
		args = args[min(span(arg, l.values), len(args)):]
		switch {
		case hasFlag(arg, l.unless, l.values):
			return "", false
		case !hasFlags && hasFlag(arg, l.flags, l.values):
			flag, _, _ := strings.Cut(arg, "=")
			hasFlags, because = true, join(because, flag)
		case isFlag(arg):
		case word != "" && arg == word:
			word, because = "", join(because, arg)
			if l.isScript && len(args) > 0 && strings.ContainsAny(args[0], "./") {
				return "", false
			}
		case operands == 0: // the flags have ended
			args = nil
		default:
			operands--
		}
	}
	return because, word == "" && hasFlags && (!l.isLeader || process.LeadsGroup())
}

// commandIn returns the index in argv where the command begins, 0 if that is not known.
func (l *launcher) commandIn(argv []string) int {
	if l.after != "" {
		return inside(slices.Index(argv, l.after)+1, argv)
	}
	operands := l.operands
	for i := l.head(argv); i < len(argv); i += span(argv[i], l.values) {
		switch {
		case argv[i] == "--" && operands == 0:
			return inside(i+1, argv)
		case isFlag(argv[i]), isAssignment(argv[i]):
		case operands == 0:
			return i
		default:
			operands--
		}
	}
	return 0
}

// inside returns i, or 0 if it is beyond the end of argv.
func inside(i int, argv []string) int {
	if i < len(argv) {
		return i
	}
	return 0
}

// head returns how many arguments the name and the word of a launcher are.
func (l *launcher) head(argv []string) int {
	if l.word == "" {
		return 1
	}
	return slices.Index(argv, l.word) + 1
}

// textIn returns the text for a shell in argv, and its index; 0 if there is none.
func (l *launcher) textIn(argv []string) (text string, at int) {
	operands, isNext := l.operands, false
	for i := 1; i < len(argv) && argv[i] != "--"; i += span(argv[i], l.values) {
		switch arg := argv[i]; {
		case hasFlag(arg, l.text, l.values):
			if _, text, ok := strings.Cut(arg, "="); ok {
				return text, i
			}
			isNext = true // more flags may come between
		case isFlag(arg):
		case isNext:
			return arg, i
		case operands == 0:
			return "", 0
		default:
			operands--
		}
	}
	return "", 0
}

// words are those of a text for a shell, as far as quotes and operators divide them.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\n='\"();&|", r) })
}

// nests reports whether command has a systemfd of its own right before the server.
func nests(command []string) bool {
	return slices.ContainsFunc(command[1:], func(arg string) bool {
		return slices.ContainsFunc(words(arg), func(word string) bool { return filepath.Base(word) == "systemfd" })
	})
}

// Way is everything between systemfd and the server: launchers, each of them the command of the one before.
type Way struct {
	argv  []string // COMMAND
	last  known    // the one whose command is the server
	worst known    // the one with the worst effect
	end   int      // where the server begins, or a launcher whose command is unknown
}

// known is a launcher in a command; the zero known is none.
type known struct {
	*launcher
	at   int    // where it begins
	name string // with the word or flag that makes it a launcher
}

// Of looks for launchers in a command.
func Of(command []string) Way {
	w := Way{argv: command}
	for {
		w.argv = splitText(w.argv, w.end)
		l, because := launcherOf(w.argv[w.end:])
		if l == nil {
			return w
		}
		w.last = known{l, w.end, join(filepath.Base(w.argv[w.end]), because)}
		if l.effect > w.effect() {
			w.worst = w.last
		}
		next := 0
		if l.ends {
			next = l.commandIn(w.argv[w.end:])
		}
		if next == 0 {
			return w
		}
		w.end += next
	}
}

// effect is the worst effect of the launchers.
func (w Way) effect() effect {
	if w.worst.launcher == nil {
		return becomes
	}
	return w.worst.effect
}

// splitText returns argv with the words of env -S as arguments, unless there are quotes or the like in them.
func splitText(argv []string, at int) []string {
	if filepath.Base(argv[at]) != "env" || len(argv) < at+2 {
		return argv
	}
	text, rest := "", argv[at+2:]
	switch flag := argv[at+1]; {
	case (flag == "-S" || flag == "--split-string") && len(rest) > 0:
		text, rest = rest[0], rest[1:]
	case strings.HasPrefix(flag, "--split-string="):
		text = flag[len("--split-string="):]
	case strings.HasPrefix(flag, "-S"):
		text = flag[len("-S"):]
	}
	if text == "" || strings.ContainsAny(text, `'"\$#`) {
		return argv
	}
	return slices.Concat(argv[:at+1], strings.Fields(text), rest)
}

// PassesPID reports whether the server has the process ID of the command.
func (w Way) PassesPID() bool { return w.effect() < forks }

// Closes reports whether the server does not find the descriptors, and can get them from a holder.
func (w Way) Closes() bool { return w.effect() == closes || w.effect() == hoards }
