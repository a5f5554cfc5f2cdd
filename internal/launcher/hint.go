package launcher

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/systemfd/systemfd/internal/file"
	"github.com/systemfd/systemfd/internal/shell"
)

// Outer is the systemfd before the launchers.
type Outer struct {
	Args   []string // as they were typed
	IsHeld bool     // a holder has the sockets, too
	PID    bool     // a flag decides about LISTEN_PID
}

// line is the whole line with a command.
func (o Outer) line(command string) string {
	return join(shell.Join(slices.Concat([]string{"systemfd"}, o.Args, []string{"--"})), command)
}

// Hint says in one line what the launchers do to the sockets, and what to type; "" if nothing is wrong, or if that is unknown.
func (w Way) Hint(o Outer) string {
	does := "closes the sockets; systemfd right before the server fetches them"
	if w.Closes() && !o.IsHeld {
		o.Args = append([]string{"--hold"}, o.Args...)
		does = "closes the sockets; a holder keeps them"
	}
	typed := o.line(shell.Join(w.argv))
	switch isNested := w.isNested(); {
	case w.effect() == becomes:
		return ""
	case w.effect() == blocks:
		return w.says("passes no sockets on; open them behind it", w.behind(o))
	case w.effect() == reloads:
		return w.says("loses the sockets when it reloads", w.nested(o))
	case isNested && w.Closes() && !o.IsHeld:
		return w.says(does, typed)
	case isNested:
		return ""
	case w.last.files != "" && (w.Closes() || !o.PID):
		return fmt.Sprintf("if the server finds no socket, put %q before it in %s: %s", w.last.prefix(w), w.last.file(), typed)
	case w.Closes():
		return w.says(does, w.nested(o))
	case w.last.drops:
		return w.says("drops the environment", w.nested(o))
	case !o.PID:
		return w.says("changes the process ID; for a server that checks it", w.nested(o))
	}
	return ""
}

// says is a hint: what the worst of the launchers does, and the line that helps, if there is one.
func (w Way) says(does, line string) string {
	if line == "" {
		return ""
	}
	return fmt.Sprintf("%s %s: %s", w.worst.name, does, line)
}

// isNested reports whether a systemfd is right before the server, and finds its variables there.
func (w Way) isNested() bool {
	l := w.last
	switch {
	case l.launcher == nil:
		return false
	case l.files != "" && l.isInFile():
		return true
	}
	return nests(w.argv) && l.added(w.argv[l.at:]) == ""
}

// isInFile reports whether a systemfd is in the file with the commands, if that file is here.
func (l *launcher) isInFile() bool {
	return slices.ContainsFunc(strings.Split(l.files, " "), func(name string) bool {
		text, err := file.Read(name)
		return err == nil && bytes.Contains(text, []byte("systemfd "))
	})
}

// file is what people call the file with the commands.
func (l *launcher) file() string { return l.files[strings.LastIndexByte(l.files, ' ')+1:] }

// prefix is the text to put right before the server, which is the command of the last launcher.
func (l *launcher) prefix(w Way) string {
	switch {
	case l.isFar:
		return `"$(command -v systemfd)" --`
	case l.puts == "":
		return "systemfd --"
	case l.puts == "exec" && w.worst.at < w.last.at: // below a launcher that forks, exec by itself is not enough
		return "exec systemfd --"
	}
	return l.puts
}

// nested is the user's own line with systemfd right before the server. If it is unknown where the server begins, it is an example. It
// is "" if there is no server.
func (w Way) nested(o Outer) string {
	l, before, argv := w.last, w.argv[:w.last.at], w.argv[w.last.at:]
	head := l.head(argv)
	start := join(shell.Join(w.argv[:l.at+head]), l.added(argv))
	if nests(argv) {
		return o.line(join(start, shell.Join(argv[head:])))
	}
	if at := l.commandIn(argv); l.ends && !l.isKnown && at > 0 {
		dashes := ""
		if l.eats && argv[at-1] != "--" {
			dashes = "--"
		}
		return o.line(join(start, shell.Join(argv[head:at]), dashes, l.prefix(w), shell.Join(argv[at:])))
	}
	if text, at := l.textIn(argv); at > 0 && argv[at] == text {
		if before, command := cutCommand(text); command != "" {
			text = before + l.prefix(w) + " " + command
			return o.line(join(start, shell.Join(argv[head:at]), shell.Quote(text), shell.Join(argv[at+1:])))
		}
	}
	switch {
	case l.instead != "":
		return o.line(join(shell.Join(before), l.instead))
	case l.pattern != "":
		return o.line(join(shell.Join(w.argv[:l.at+1]), l.added(argv), l.pattern))
	case l.add != "":
		return o.line(join(start, shell.Join(argv[head:])))
	}
	return ""
}

// behind is the user's own line with all of systemfd behind the launcher that passes no sockets on; "" if there is nothing behind it.
func (w Way) behind(o Outer) string {
	argv := w.argv[w.worst.at:]
	at := w.worst.commandIn(argv)
	if at == 0 {
		return ""
	}
	systemfd := strings.TrimSuffix(w.worst.prefix(w), " --")
	return join(shell.Join(w.argv[:w.worst.at+at]), systemfd, shell.Join(o.Args), "--", shell.Join(argv[at:]))
}

// added returns the flags that have to be added to the arguments, "" if they are there.
func (l *launcher) added(argv []string) string {
	isThere := slices.ContainsFunc(argv, func(arg string) bool { return hasFlag(arg, l.addFlag, l.values) })
	if isThere && (nests(argv) || !strings.Contains(l.add, "systemfd")) {
		return ""
	}
	return l.add
}

// cutCommand returns the last of the commands in a text for a shell, and the text before it. It is "" if no other words may precede
// that command.
func cutCommand(text string) (before, command string) {
	command = text
	if i := strings.LastIndex(text, "&& "); i >= 0 {
		before, command = text[:i+3], text[i+3:]
	}
	const special = "|;<>()$`\\\"'*?[]{}#~!\n"
	fields := strings.Fields(command)
	if len(fields) == 0 || strings.ContainsAny(text, special) || strings.Contains(command, "&") || isAssignment(fields[0]) {
		return "", ""
	}
	return before, command
}

// join puts blanks between texts that are not empty.
func join(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(text string) bool { return text == "" }), " ")
}
