package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/systemfd/systemfd/internal/spec"
)

// line is a command line that is being corrected. Its first mistake becomes the error. String returns the line without mistakes.
type line struct {
	form      *subcommand // nil is the main form
	own       []string    // what is before "--", without the subcommand
	rest      []string    // the part of own that is not read yet
	isSplit   bool        // there is a "--"
	items     []item
	arguments []string // of a subcommand
	command   []string
	mistake   *usageError // the first; nil if the line is right
	isLost    bool        // some mistake cannot be corrected
	note      string      // another meaning, to be shown behind the line
	habits    fromHabits
	flags     map[*subcommand][]*kong.Flag
}

// item is a flag as it should be typed.
type item struct {
	flag     *kong.Flag
	name     string // the spelling that was typed
	value    string
	hasValue bool
	isSample bool // the value was missing
}

// meantLine reads a line as kong does, but goes on after a mistake.
func meantLine(args []string) *line {
	l := &line{flags: map[*subcommand][]*kong.Flag{}}
	l.rest, l.command, l.isSplit = splitCommand(args)
	if l.form = findSubcommand(args[0]); l.form != nil {
		l.rest = l.rest[1:]
	}
	l.own = l.straightened(l.rest)
	l.rest = l.own
	for len(l.rest) > 0 {
		word := l.rest[0]
		l.rest = l.rest[1:]
		if isFlag(word) {
			l.readFlag(word)
		} else {
			l.readWord(word)
		}
	}
	l.complete()
	return l
}

// wrong notes a mistake that the caller corrects.
func (l *line) wrong(text, advice string) {
	if l.mistake == nil {
		l.mistake = &usageError{text, advice}
	}
}

// lost notes a mistake that cannot be corrected.
func (l *line) lost(text, advice string) {
	l.wrong(text, advice)
	l.isLost = true
}

// isFlag reports whether word begins a flag.
func isFlag(word string) bool { return len(word) > 1 && word[0] == '-' && !isDash(word) }

// flagWord is a word that begins a flag.
type flagWord struct {
	name, value       string
	isShort, hasValue bool // hasValue: in the same word
}

// cutFlag splits a word. What is behind a short flag may be its value, or more flags.
func (l *line) cutFlag(word string) (w flagWord) {
	w.name, w.value, w.hasValue = strings.Cut(word, "=")
	if word[1] == '-' {
		return w
	}
	if len(w.name) > len("-x") && l.isKnown("-"+w.name) {
		l.wrong(fmt.Sprintf("unknown flag %q", w.name), "")
		w.name = "-" + w.name
		return w
	}
	_, size := utf8.DecodeRuneInString(word[1:])
	w.name, w.value = word[:1+size], word[1+size:]
	w.isShort, w.hasValue = true, w.value != ""
	return w
}

// readFlag reads one flag, and its value from the next word if it has to.
func (l *line) readFlag(word string) {
	w, next := l.cutFlag(word), ""
	if len(l.rest) > 0 && !w.hasValue {
		next = l.rest[0]
	}
	switch takes := l.takesValue(w.name); {
	case w.isShort && w.hasValue && !takes && strings.Trim(w.value, "-") == "":
		l.wrong(fmt.Sprintf("unknown flag %q", word), "")
		w.value = ""
	case w.isShort && w.hasValue && !takes:
		l.rest = append([]string{"-" + w.value}, l.rest...)
		w.value = ""
	case w.isShort && strings.HasPrefix(w.value, "="):
		l.wrong(fmt.Sprintf("%q has a =, which goes only with long flags", word), "")
		w.value = w.value[1:]
	case !takes && w.hasValue && w.value == "":
		l.wrong(w.name+" takes no value", "")
	case takes && next != "" && isValue(next):
		w.value, l.rest = next, l.rest[1:]
	case !takes && next != "" && isBoolOf(w.name, next):
		l.wrong(w.name+" takes no value", "")
		if l.rest = l.rest[1:]; contains("false no off", next) {
			return
		}
	}
	if flag := l.flagOf(l.form, w.name); flag != nil {
		l.add(item{flag: flag, name: w.name, value: w.value, hasValue: w.value != ""})
	} else {
		l.addUnknown(w.name, w.value)
	}
}

// isValue reports whether word can be the value of the flag before it. A negative number can, although kong refuses it.
func isValue(word string) bool {
	_, err := strconv.Atoi(word)
	return word == "-" || err == nil || !isFlag(word) && !isDash(word)
}

// isBoolOf reports whether word is meant as the value of a flag that takes none.
func isBoolOf(name, word string) bool {
	return contains("true false yes no on off", word) || name == "--pid" && strings.Trim(word, "0123456789") == ""
}

// flagsOf returns the flags of a form.
func (l *line) flagsOf(form *subcommand) []*kong.Flag {
	if l.flags[form] == nil {
		grammar := any(new(runFlags))
		if form != nil {
			grammar = form.grammar()
		}
		l.flags[form] = newParser(grammar).Model.Flags
	}
	return l.flags[form]
}

// flagOf returns the flag of a form that is typed as name, or nil.
func (l *line) flagOf(form *subcommand, name string) *kong.Flag {
	for _, flag := range l.flagsOf(form) {
		if name == "--"+flag.Name || flag.Short != 0 && name == "-"+string(flag.Short) || name == "--no-"+flag.Name && flag.Tag.Negatable != "" {
			return flag
		}
	}
	return nil
}

// nearFlag returns the flag of this form that is spelled nearly as name, or nil.
func (l *line) nearFlag(name string) *kong.Flag {
	word, isLong := strings.CutPrefix(strings.ToLower(name), "--")
	if !isLong {
		return l.flagOf(l.form, word)
	}
	var names []string
	for _, flag := range l.flagsOf(l.form) {
		if len(word) > 2 && (strings.HasPrefix(flag.Name, word) || strings.HasPrefix(word, flag.Name)) {
			return flag
		}
		names = append(names, flag.Name)
	}
	if near := spec.Nearest(word, names); near != "" {
		return l.flagOf(l.form, "--"+near)
	}
	return nil
}

// otherForm returns another form that has the flag, and the flag.
func (l *line) otherForm(name string) (*subcommand, *kong.Flag) {
	if flag := l.flagOf(nil, name); l.form != nil && flag != nil {
		return nil, flag
	}
	for i := range subcommands {
		form := &subcommands[i]
		if flag := l.flagOf(form, name); flag != nil && form != l.form {
			return form, flag
		}
	}
	return nil, nil
}

// isKnown reports whether this form has a flag, or a habit, of that name.
func (l *line) isKnown(name string) bool {
	return l.flagOf(l.form, name) != nil || l.habitOf(name) != nil
}

// takesValue reports whether the flag that is typed as name, or the one that it stands for, takes a value.
func (l *line) takesValue(name string) bool {
	flag := l.flagOf(l.form, name)
	if h := l.habitOf(name); flag == nil && h != nil {
		return h.takesValue
	}
	if flag == nil {
		_, flag = l.otherForm(name)
	}
	if flag == nil {
		flag = l.nearFlag(name)
	}
	return flag != nil && !flag.IsBool()
}

func (s *subcommand) is(name string) bool { return s != nil && s.name == name }

// add adds a flag, with its value corrected.
func (l *line) add(it item) {
	name := "--" + it.flag.Name
	switch {
	case it.flag.IsBool() && it.hasValue && !isYesNo(it.value):
		l.wrong(name+" takes no value", "")
		it.value, it.hasValue = "", false
	case it.flag.IsBool():
	case !it.hasValue:
		l.wrong(name+" needs a value", "")
		it.value, it.hasValue, it.isSample = valueOfFlag(it.flag.Name).example, true, true
		l.isLost = l.isLost || it.value == ""
	default:
		l.addValue(it)
		return
	}
	l.items = append(l.items, it)
}

// isYesNo reports whether kong takes value for a flag without one.
func isYesNo(value string) bool {
	return slices.Contains([]string{"true", "yes", "1", "false", "no", "0"}, strings.ToLower(value))
}

// addUnknown adds the flag that was meant by a name that this form does not have.
func (l *line) addUnknown(name, value string) {
	text, near := fmt.Sprintf("unknown flag %q", name), l.nearFlag(name)
	h := l.habitOf(name)
	form, flag := l.otherForm(name)
	switch positive, isNegative := strings.CutPrefix(name, "--no-"); {
	case h != nil:
		l.wrong(text, h.advice)
		h.carryOut(l, name, value)
	case flag != nil:
		l.wrong(text, "")
		l.addOther(form, item{flag: flag, name: name, value: value, hasValue: value != ""})
	case isNegative && l.flagOf(l.form, "--"+positive) != nil: // that is the default
		l.wrong(text, "")
	case near != nil:
		l.wrong(text, "")
		l.add(item{flag: near, name: spelling(near), value: value, hasValue: value != ""})
	default:
		l.lost(text, "")
	}
}

// spelling is how a flag is typed.
func spelling(flag *kong.Flag) string {
	if flag.Short != 0 {
		return "-" + string(flag.Short)
	}
	return "--" + flag.Name
}

// addOther adds a flag of another form, if the two forms can be joined. If nothing else was typed, that form was meant.
func (l *line) addOther(form *subcommand, it item) {
	switch isFirst := len(l.items)+len(l.command)+len(l.rest) == 0; {
	case l.form == nil && isFirst:
		l.form = form
	case l.form == nil && form.is("env"), l.form.is("env") && form == nil && it.flag.Name != "hold", l.form.is("inspect") && form == nil:
	case l.form != nil && form == nil: // it has no meaning here
		return
	default:
		l.isLost = true
		return
	}
	l.add(it)
}
