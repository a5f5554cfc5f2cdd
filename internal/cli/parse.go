package cli

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// parseFlags reads args into grammar, a pointer to a struct of flags. Its errors are *usageError.
func parseFlags(grammar any, args []string) error {
	if _, err := newParser(grammar).Parse(args); err != nil {
		_, main := grammar.(*runFlags)
		return asUsageError(err.Error(), args, main)
	}
	return nil
}

// newParser builds the parser of one form alone: a grammar costs more than all else before exec.
func newParser(grammar any) *kong.Kong {
	return kong.Must(grammar, kong.NoDefaultHelp())
}

// asUsageError words kong's error as ours: the thing quoted, the way out in a hint. Main is the form that has a command.
func asUsageError(text string, args []string, main bool) error {
	text, hint, _ := strings.Cut(text, ", did you mean ")
	if hint != "" {
		hint = "did you mean " + hint
	}
	if flag, _, ok := strings.Cut(text, ": "); ok && (strings.Contains(text, ": missing value") || strings.HasSuffix(text, "(<EOL>)")) {
		text = flag + " needs a value"
	}
	if flag, ok := strings.CutPrefix(text, "unknown flag "); ok {
		text = `unknown flag "` + flag + `"`
		switch {
		case hint == "" && main:
			hint = "systemfd --help lists them"
		case hint == "":
			hint = "--help lists them"
		}
	}
	if argument, ok := strings.CutPrefix(text, "unexpected argument "); ok {
		text = `unexpected argument "` + argument + `"`
		if main {
			hint = `put "--" before the command: ` + withDashes(args, argument)
		}
	}
	return &usageError{text, hint}
}

// withDashes is the command line with "--" before argument, the first word that is none of our own.
func withDashes(args []string, argument string) string {
	i := max(slices.Index(args, argument), 0)
	return strings.Join(slices.Concat([]string{"systemfd"}, args[:i], []string{"--"}, args[i:]), " ")
}
