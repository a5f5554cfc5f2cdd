package cli

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/systemfd/systemfd/internal/shell"
	"github.com/systemfd/systemfd/internal/spec"
)

// parseFlags reads args into grammar, a pointer to a struct of flags. Its errors are *usageError.
func parseFlags(grammar any, args []string) error {
	if _, err := newParser(grammar).Parse(args); err != nil {
		_, main := grammar.(*runFlags)
		return asUsageError(err.Error(), args, main)
	}
	return nil
}

// newParser builds the parser of only one form: a grammar costs more than all else before exec.
func newParser(grammar any) *kong.Kong {
	return kong.Must(grammar, kong.NoDefaultHelp(), kong.KindMapper(reflect.String, kong.MapperFunc(decodeText)))
}

// decodeText takes the bytes of a value as they are: kong's own way through JSON changes those that are no UTF-8.
func decodeText(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("string")
	if text, ok := token.Value.(string); ok && err == nil {
		target.SetString(text)
	}
	return err
}

// asUsageError words kong's error as ours: the thing quoted, the way out in a hint. Main is the form that has a command.
func asUsageError(text string, args []string, main bool) error {
	text, suggestion, _ := strings.Cut(text, ", did you mean ")
	if flag, ok := strings.CutPrefix(text, "unknown flag "); ok {
		return &usageError{fmt.Sprintf("unknown flag %q", flag), flagHint(flag, suggestion, main)}
	}
	if argument, ok := strings.CutPrefix(text, "unexpected argument "); ok {
		e := &usageError{text: fmt.Sprintf("unexpected argument %q", argument)}
		if main {
			e.hint = argumentHint(args, argument) + eaten(args, argument)
		}
		return e
	}
	text, _, _ = strings.Cut(text, "; perhaps try ") // kong takes a negative number for a flag
	text = strings.TrimSuffix(text, " (short flag)")
	if flag, problem, ok := strings.Cut(text, ": "); ok && (strings.HasPrefix(problem, "missing value") || strings.HasSuffix(problem, "(<EOL>)")) {
		text = flag + " needs a value"
	}
	if flag, value, ok := strings.Cut(text, " but got "); ok && strings.Contains(flag, " int") {
		flag, _, _ = strings.Cut(flag, ": ")
		text = fmt.Sprintf("%s %s is not a number", flag, value)
	}
	return &usageError{text: text}
}

func flagHint(flag, suggestion string, main bool) string {
	theirs := socketActivateFlags[flag]
	switch {
	case theirs != "" && main:
		return theirs
	case suggestion != "":
		return "did you mean " + suggestion
	case main:
		return "systemfd --help lists them"
	}
	return "--help lists them"
}

// argumentHint is the command line with "-s" before argument if that says a socket, and "--" before the command.
// Argument is the first word that is none of our own. A value of a flag may be the same word: the last one is meant if
// nothing follows.
func argumentHint(args []string, argument string) string {
	i := max(slices.Index(args, argument), 0)
	for i > 0 && strings.HasPrefix(args[i-1], "-") && slices.Contains(args[i+1:], argument) {
		i += 1 + slices.Index(args[i+1:], argument)
	}
	ours, command, advice := slices.Insert(slices.Clone(args[:i]), 0, "systemfd"), args[i:], `put "--" before the command: `
	if _, err := spec.Parse(argument); err == nil && strings.Contains(argument, "::") {
		ours, command, advice = append(ours, "-s", argument), args[i+1:], `put "-s" before a socket: `
	}
	if len(command) > 0 {
		ours = append(append(ours, "--"), command...)
	}
	return advice + shell.Join(ours)
}
