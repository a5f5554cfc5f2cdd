package cli

import (
	"errors"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// parseError is a command line that kong cannot read. Its text is kong's own: explain says what is wrong.
type parseError struct{ error }

// parseFlags reads args into grammar, a pointer to a struct of flags. Its errors are *parseError.
func parseFlags(grammar any, args []string) error {
	parser := newParser(grammar)
	if _, err := parser.Parse(args); err != nil {
		return &parseError{err}
	}
	for _, arg := range args {
		if isSingleDashed(parser.Model.Flags, arg) {
			return &parseError{errors.New(arg)}
		}
	}
	return nil
}

// parseOpening is parseFlags of a grammar with open and quiet among its flags. Most lines have only plain words: kong would cost
// them more than all the rest of a run, and its time grows with the square of the words.
func parseOpening(grammar any, open *openFlags, quiet *bool, args []string) error {
	sockets, isQuiet, rest := readPlain(args)
	if len(rest) > 0 {
		if err := parseFlags(grammar, rest); err != nil {
			return err
		}
	}
	open.Socket = append(sockets, open.Socket...)
	*quiet = *quiet || isQuiet
	return nil
}

// readPlain reads -s SPEC and -q up to the first other word, from which on all is for kong.
func readPlain(args []string) (sockets []string, quiet bool, rest []string) {
	for len(args) > 0 {
		switch word := args[0]; {
		case word == "-q" || word == "--quiet":
			quiet, args = true, args[1:]
		case (word == "-s" || word == "--socket") && len(args) > 1 && args[1] != "" && args[1][0] != '-':
			sockets, args = append(sockets, args[1]), args[2:]
		default:
			return sockets, quiet, args
		}
	}
	return sockets, quiet, nil
}

// newParser builds the parser of only one form: a grammar costs more than all else before exec.
func newParser(grammar any) *kong.Kong {
	return kong.Must(grammar, kong.NoDefaultHelp(), kong.KindMapper(reflect.String, kong.MapperFunc(decodeText)))
}

// errNoValue is the error of a value that is empty, as of a variable that is not set.
var errNoValue = errors.New("no value")

// decodeText takes the bytes of a value as they are: kong's own way through JSON changes those that are no UTF-8.
func decodeText(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("string")
	text, ok := token.Value.(string)
	switch {
	case err != nil:
		return err
	case ok && text == "":
		return errNoValue
	case ok:
		target.SetString(text)
	}
	return nil
}

// isSingleDashed reports whether arg is a long flag with one hyphen: kong reads -socket=3000 as -s ocket=3000.
func isSingleDashed(flags []*kong.Flag, arg string) bool {
	if len(arg) < len("-xx") || arg[0] != '-' || arg[1] == '-' {
		return false
	}
	name, _, _ := strings.Cut(arg[1:], "=")
	for _, flag := range flags {
		if flag.Name == name {
			return true
		}
	}
	return false
}
