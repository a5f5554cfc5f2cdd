package cli

import (
	"cmp"
	"errors"
	"slices"

	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/shell"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// amended returns err with a hint that can be typed: the corrected line.
func amended(err error, args []string) error {
	if failed, ok := errors.AsType[*handoff.ExecError](err); ok {
		return withHint(err, commandHint(args, failed))
	}
	if exitStatus(err) != exitUsage && !isNoSocket(err) {
		return err
	}
	l, advice := meantLine(args), ""
	if about, ok := errors.AsType[*lineError](err); ok {
		about.mend(l)
		advice = about.advice
	}
	help := ""
	if is[*parseError](err) {
		help = shell.Join(l.start()) + " --help lists the flags"
		if l.mistake == nil {
			l.lost("the command line is wrong", "") // no test has found such a line
		}
		err = l.mistake
	}
	switch {
	case l.mistake == nil:
		return err
	case l.isLost:
		return withHint(err, cmp.Or(l.mistake.hint, hintOf(err), help))
	}
	return withHint(err, advise(cmp.Or(advice, l.mistake.hint), l.String()+l.note))
}

// isNoSocket reports whether err says that something else than a socket is at a path.
func isNoSocket(err error) bool {
	failed, ok := errors.AsType[*socket.Error](err)
	return ok && failed.Spec.Path != "" && failed.Err == nil
}

// advise puts advice before a line.
func advise(advice, line string) string {
	if advice == "" {
		return line
	}
	return advice + ": " + line
}

// hinted is an error with another hint than its own.
type hinted struct {
	error
	hint string
}

func (e *hinted) Hint() string  { return e.hint }
func (e *hinted) Unwrap() error { return e.error }

func withHint(err error, hint string) error {
	if hint == "" {
		return err
	}
	return &hinted{err, hint}
}

// lineError is about words that can be read but do not go together.
type lineError struct {
	text, advice string
	mend         func(l *line)
}

func (e *lineError) Error() string { return e.text }
func (e *lineError) Hint() string  { return e.advice }

// superfluous is the error of flags that mean nothing beside the others.
func superfluous(text, advice string, flags ...string) error {
	return &lineError{text, advice, func(l *line) {
		count := len(l.items)
		l.items = slices.DeleteFunc(l.items, func(it item) bool { return slices.Contains(flags, it.flag.Name) })
		if len(l.items) < count {
			l.wrong("", "")
		}
	}}
}

// withoutSocket is the error of a line that needs a socket.
func withoutSocket(text string) error {
	return &lineError{text, "give it one", func(l *line) {
		l.wrong("", "")
		l.addFlag("socket", "http::3000")
	}}
}

// givenTwice is the error of a socket that is given twice.
func givenTwice(text string, s spec.Spec) error {
	return &lineError{text, "", func(l *line) {
		for i, it := range slices.Backward(l.items) {
			typed, err := spec.Parse(it.value)
			if it.flag.Name == "socket" && err == nil && typed.SameSocket(s) {
				l.items = slices.Delete(l.items, i, i+1)
				l.wrong("", "")
				return
			}
		}
	}}
}

// String returns the line as it should be typed.
func (l *line) String() string {
	own, other := l.flagWords(l.form)
	switch {
	case l.form.is("env"), l.form == nil && len(other) > 0:
		return l.evalLine()
	case l.form == nil:
		return runLine(own, l.command)
	case l.form.is("inspect") && len(other) > 0: // the other flags say what inspect is given
		return runLine(other, append(l.start(), own...))
	}
	return shell.Join(slices.Concat(l.start(), own, l.arguments))
}

// runLine is a line of the main form.
func runLine(flags, command []string) string {
	words := append([]string{"systemfd"}, flags...)
	if len(command) > 0 {
		words = append(append(words, "--"), command...)
	}
	return shell.Join(words)
}

// evalLine is a line that keeps the sockets open, and then runs the command if there is one.
func (l *line) evalLine() string {
	own, other := l.flagWords(findSubcommand("env"))
	text := envLine(own, l.valueOf("shell"), l.has("json"))
	command := l.command
	if len(other) > 0 && len(command) == 0 {
		command = []string{"./server"}
	}
	if len(command) > 0 {
		text += "; " + runLine(other, command)
	}
	return text
}

// flagWords returns the flags that a form has, and the others.
func (l *line) flagWords(form *subcommand) (own, other []string) {
	for _, it := range l.items {
		if l.flagOf(form, "--"+it.flag.Name) != nil {
			own = append(own, it.words()...)
		} else {
			other = append(other, it.words()...)
		}
	}
	return own, other
}

// words are how a flag is typed.
func (it item) words() []string {
	switch {
	case !it.hasValue:
		return []string{it.name}
	case it.flag.IsBool() || len(it.value) > 1 && it.value[0] == '-':
		return []string{"--" + it.flag.Name + "=" + it.value}
	}
	return []string{it.name, it.value}
}

// start is the name of the form.
func (l *line) start() []string {
	if l.form == nil {
		return []string{"systemfd"}
	}
	return []string{"systemfd", l.form.name}
}
