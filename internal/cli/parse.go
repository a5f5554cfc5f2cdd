package cli

import (
	"strings"

	"github.com/alecthomas/kong"
)

// parseFlags reads args into grammar, a pointer to a struct of flags. Its errors are *usageError.
func parseFlags(grammar any, args []string) error {
	parser, err := kong.New(grammar, kong.NoDefaultHelp())
	if err != nil {
		panic(err) // the grammar, not the arguments
	}
	if _, err = parser.Parse(args); err != nil {
		return asUsageError(err.Error())
	}
	return nil
}

// asUsageError words kong's error as ours: the thing quoted, the way out in a hint.
func asUsageError(text string) error {
	text, hint, _ := strings.Cut(text, ", did you mean ")
	if hint != "" {
		hint = "did you mean " + hint
	}
	if flag, ok := strings.CutPrefix(text, "unknown flag "); ok {
		text = `unknown flag "` + flag + `"`
		if hint == "" {
			hint = "systemfd --help lists them"
		}
	}
	if argument, ok := strings.CutPrefix(text, "unexpected argument "); ok {
		text, hint = `unexpected argument "`+argument+`"`, `put "--" before the command: systemfd -s http::5000 -- `+argument
	}
	return &usageError{text, hint}
}
