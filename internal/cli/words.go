package cli

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/shell"
	"github.com/systemfd/systemfd/internal/spec"
)

// dashes are the characters that web pages and word processors put in place of hyphens.
const dashes = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"

// isDash reports whether word is meant as "--".
func isDash(word string) bool { return word != "" && strings.Trim(word, "-"+dashes) == "" }

// straightened returns words with hyphens for dashes, split at no-break spaces.
func (l *line) straightened(typed []string) (words []string) {
	for _, word := range typed {
		if rest := strings.TrimLeft(word, "-"+dashes); rest != "" && strings.ContainsAny(word[:len(word)-len(rest)], dashes) {
			l.wrong(fmt.Sprintf("%q begins with a dash, not with hyphens", word), "")
			word = "-" + rest
			if name, _, _ := strings.Cut(rest, "="); len(name) > 1 && l.flagOf(l.form, "--"+name) != nil {
				word = "-" + word
			}
		}
		fields := strings.Split(word, "\u00a0")
		if len(fields) > 1 {
			l.wrong(fmt.Sprintf("%q has a no-break space", word), "")
		}
		words = append(words, fields...)
	}
	return words
}

// readWord reads a word that is not a flag.
func (l *line) readWord(word string) {
	text := fmt.Sprintf("unexpected argument %q", word)
	switch {
	case word == "" && l.form.is("stop"): // without an argument, stop closes everything
		l.lost("an argument is empty", "is a variable not set? systemfd status lists names and addresses")
	case word == "":
		l.wrong("an argument is empty", "")
	case isDash(word):
		l.readDash(word)
	case l.takesArgument():
		l.addArgument(text, word)
	case l.form == nil && l.has("help"):
		l.wrong(text, "")
		if name, ok := subcommandLike(word); ok {
			l.become(findSubcommand(name))
		}
	case l.form == nil && l.isFirst() && l.readSubcommand(text, word):
	case l.form == nil && l.readSubcommandLater(text, word):
	case l.opens() && l.readOpening(text, word):
	case l.form.is("env") && isShell(word):
		l.wrong(text, "")
		l.addFlag("shell", word)
	case l.form == nil || l.form.is("env"):
		l.wrong(text, `put "--" before the command`)
		if l.form == nil {
			l.note += eaten(l.own, word)
		}
		l.beginCommand(append([]string{word}, l.rest...))
	default:
		l.wrong(text, "")
	}
}

// readDash reads what is meant as "--".
func (l *line) readDash(word string) {
	text := fmt.Sprintf(`%q is not "--"`, word)
	if strings.ContainsAny(word, dashes) {
		text = fmt.Sprintf("%q is a dash, not two hyphens", word)
	}
	l.wrong(text, "")
	if !l.isSplit {
		l.beginCommand(l.rest)
	}
}

// opens reports whether this form has -s.
func (l *line) opens() bool { return l.flagOf(l.form, "-s") != nil }

func (l *line) isFirst() bool { return len(l.items) == 0 && l.mistake == nil }

// takesArgument reports whether this form takes one more argument.
func (l *line) takesArgument() bool {
	if l.form == nil {
		return false
	}
	takes := newParser(l.form.grammar()).Model.Positional
	return len(takes) > len(l.arguments) || len(takes) > 0 && takes[len(takes)-1].IsCumulative()
}

// addArgument adds an argument of a subcommand, if it takes one more. Kong wants all arguments in a row.
func (l *line) addArgument(text, word string) {
	if word == "" || isFlag(word) || isDash(word) || !l.takesArgument() {
		return
	}
	before := len(l.own) - len(l.rest) - 2 // of the word before
	if count := len(l.arguments); count > 0 && before >= 0 && l.own[before] != l.arguments[count-1] {
		l.wrong(text, "")
	}
	l.arguments = append(l.arguments, word)
}

func isShell(word string) bool {
	_, ok := shell.Lookup(word)
	return ok
}

// synonyms are words that people type for a subcommand; "" is the main form, which has no word.
var synonyms = [...][2]string{
	{"ls", "status"},
	{"list", "status"},
	{"ps", "status"},
	{"show", "status"},
	{"info", "status"},
	{"kill", "stop"},
	{"close", "stop"},
	{"end", "stop"},
	{"down", "stop"},
	{"quit", "stop"},
	{"rm", "stop"},
	{"check", "inspect"},
	{"doctor", "inspect"},
	{"keep", "env"},
	{"shell", "env"},
	{"hook", "env"},
	{"export", "env"},
	{"start", ""},
	{"run", ""},
	{"exec", ""},
	{"serve", ""},
	{"open", ""},
	{"up", ""},
	{"systemfd", ""},
	{"complete", "completion"},
}

// subcommandLike returns the subcommand that was meant by word.
func subcommandLike(word string) (name string, ok bool) {
	for _, row := range synonyms {
		if row[0] == word {
			return row[1], true
		}
	}
	var names []string
	for _, s := range subcommands {
		if len(word) > 2 && strings.HasPrefix(s.name, word) {
			return s.name, true
		}
		if s.name[0] == word[0] {
			names = append(names, s.name)
		}
	}
	name = spec.Nearest(word, names)
	return name, name != ""
}

// readSubcommand reads a first word that is nearly a subcommand, or a synonym. It may as well be a program.
func (l *line) readSubcommand(text, word string) bool {
	name, ok := subcommandLike(word)
	form := findSubcommand(name)
	if !ok || form != nil && (l.isSplit || parseFlags(form.grammar(), l.rest) != nil) {
		return false
	}
	l.wrong(text, "")
	if !l.isSplit {
		l.note = "; to run a program of that name: " + runLine(nil, append([]string{word}, l.rest...))
	}
	l.form = form
	return true
}

// become changes to another form, and drops the flags that it does not have.
func (l *line) become(form *subcommand) {
	l.form = form
	l.items = slices.DeleteFunc(l.items, func(it item) bool { return l.flagOf(form, "--"+it.flag.Name) == nil })
}

// readSubcommandLater reads a subcommand that comes after its flags. It starts again, with the subcommand first.
func (l *line) readSubcommandLater(text, word string) bool {
	form := findSubcommand(word)
	if l.isSplit || form == nil || parseFlags(form.grammar(), l.rest) != nil {
		return false
	}
	before := l.own[:len(l.own)-len(l.rest)-1]
	*l = line{form: form, flags: l.flags, mistake: &usageError{text, "the subcommand comes first"}, rest: slices.Concat(before, l.rest)}
	return true
}

// readOpening reads a socket, or the file of a unit, that has no flag before it.
func (l *line) readOpening(text, word string) bool {
	switch {
	case isUnit(word):
		l.wrong(text, `put "-u" before a unit`)
		l.addFlag("unit", word)
	case isSocket(word), l.isSplit && isNoCommand(word) && (checkSocket(word) == nil || isMeantSocket(word) && strings.Contains(word, ".")):
		l.wrong(text, `put "-s" before each socket`)
		l.addFlag("socket", word)
	default:
		return false
	}
	return true
}

func isNoCommand(word string) bool {
	_, err := handoff.LookPath(word)
	return err != nil
}

// isMeantSocket reports whether word is a socket, or one that we can correct.
func isMeantSocket(word string) bool {
	err := checkSocket(word)
	bad, isBad := err.(*spec.Error)
	return err == nil || isBad && len(bad.Right) > 0
}

// isSocket reports whether word is meant as a socket, not as a command.
func isSocket(word string) bool {
	switch {
	case isAssignment(word):
		return false
	case strings.Contains(word, ":"), strings.HasSuffix(word, "sock"), '0' <= word[0] && word[0] <= '9':
		return isMeantSocket(word)
	}
	return strings.Contains(word, "=") && checkSocket(word) == nil
}

// isUnit reports whether word is the file of a unit.
func isUnit(word string) bool {
	info, err := os.Stat(word)
	return err == nil && info.Mode().IsRegular() && strings.HasSuffix(word, ".socket")
}

// isAssignment reports whether word is NAME=VALUE for the environment of the command, as in a shell. Names of sockets are hardly ever
// in capitals.
func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == "" && (name[0] < '0' || name[0] > '9')
}

// beginCommand takes words as the command, before any words behind "--".
func (l *line) beginCommand(words []string) {
	l.rest = nil
	if l.isSplit && len(l.command) > 0 {
		words = slices.Concat(words, []string{"--"}, l.command)
	}
	isOurs := !l.isSplit && !l.has("socket") && !l.has("unit")
	l.command, l.isSplit = words, true
	if isOurs {
		l.takeFlags()
	}
}

// takeFlags takes flags from behind the command, if they are the only ones that say which sockets to open.
func (l *line) takeFlags() {
	i := slices.IndexFunc(l.command, func(word string) bool {
		return word == "-s" || word == "--socket" || word == "-u" || word == "--unit"
	})
	if i < 1 || i+1 == len(l.command) {
		return
	}
	l.rest, l.command = slices.Clone(l.command[i:]), l.command[:i]
	for len(l.rest) > 0 && isFlag(l.rest[0]) && l.flagOf(l.form, l.rest[0]) != nil {
		word := l.rest[0]
		l.rest = l.rest[1:]
		l.readFlag(word)
	}
	l.command, l.rest = append(slices.Clone(l.command), l.rest...), nil
}

// complete adds missing words, and applies the flags that are about all sockets.
func (l *line) complete() {
	l.habits.apply(l)
	l.dropSamples()
	if l.has("map") && !l.has("unit") && l.opens() {
		l.wrong(withoutUnit, "")
		l.addFlag("unit", "app.socket")
	}
	switch {
	case l.form != nil:
		l.completeForm()
	case !l.has("help") && !l.has("version"):
		l.completeCommand()
	}
}

// dropSamples removes samples of values that the line does not need: another socket was typed, or the default is enough.
func (l *line) dropSamples() {
	isTyped := slices.ContainsFunc(l.items, func(it item) bool { return it.flag.Name == "socket" && !it.isSample })
	l.items = slices.DeleteFunc(l.items, func(it item) bool {
		return it.isSample && (it.flag.Name == "shell" || it.flag.Name == "socket" && isTyped)
	})
}

func (l *line) completeCommand() {
	switch {
	case len(l.command) > 0:
		if isAssignment(l.command[0]) && l.mistake != nil {
			l.command = append([]string{"env"}, l.command...)
		}
		return
	case l.isSplit:
		l.wrong(`no command behind "--"`, "")
	default:
		l.wrong("no command", "")
	}
	if len(l.items) == 0 {
		l.addFlag("socket", "http::3000")
	}
	l.command = []string{"./server"}
}

// completeForm adds the words that a subcommand needs. Only env can be joined with a command.
func (l *line) completeForm() {
	if len(l.command) > 0 {
		l.wrong(fmt.Sprintf("unexpected argument %q", l.command[0]), "")
	}
	for !l.form.is("env") && len(l.command) > 0 {
		l.addArgument("", l.command[0])
		l.command = l.command[1:]
	}
	switch {
	case l.mistake == nil || l.has("help"):
	case l.form.is("env") && !l.has("socket") && !l.has("unit") && !l.has("unset") && !listenfds.IsGiven(os.LookupEnv):
		l.addFlag("socket", "http::3000")
	case l.form.is("completion") && len(l.arguments) == 0:
		l.arguments = []string{"bash"}
	}
}

// has reports whether a flag is there.
func (l *line) has(name string) bool {
	return slices.ContainsFunc(l.items, func(it item) bool { return it.flag.Name == name })
}

// valueOf returns the value of a flag, or "".
func (l *line) valueOf(name string) string {
	for _, it := range l.items {
		if it.flag.Name == name {
			return it.value
		}
	}
	return ""
}

// addFlag adds a flag that was not typed.
func (l *line) addFlag(name, value string) {
	flag := cmp.Or(l.flagOf(l.form, "--"+name), l.flagOf(nil, "--"+name))
	l.add(item{flag: flag, name: spelling(flag), value: value, hasValue: value != ""})
}
