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

// parseOpening is parseFlags of a grammar with open and quiet among its flags. Most lines have only plain words, which it reads itself:
// kong takes longer than all the rest of a run, and its time grows with the square of the number of words.
func parseOpening(grammar any, open *openFlags, quiet *bool, args []string) error {
	sockets, isQuiet, rest := takePlain(args)
	if len(rest) > 0 {
		if err := parseFlags(grammar, rest); err != nil {
			return err
		}
	}
	if len(sockets) > 0 && len(open.Socket) > 0 { // their order is lost
		return parseFlags(grammar, args)
	}
	open.Socket = append(open.Socket, sockets...)
	*quiet = *quiet || isQuiet
	return nil
}

// takePlain takes -s SPEC and -q out of args. The rest is for kong.
func takePlain(args []string) (sockets []string, quiet bool, rest []string) {
	for len(args) > 0 {
		n := plainWords(args)
		switch n {
		case 0:
			rest, n = append(rest, args[0]), 1
		case 1:
			quiet = true
		case 2:
			sockets = append(sockets, args[1])
		}
		args = args[n:]
	}
	return sockets, quiet, rest
}

// plainWords returns how many words the flag at the beginning of args has, 0 if takePlain does not take it. It is also 0 if the next
// word is not a flag: without the plain words, that word would become the value of an earlier flag.
func plainWords(args []string) (n int) {
	switch word := args[0]; {
	case word == "-q" || word == "--quiet":
		n = 1
	case (word == "-s" || word == "--socket") && len(args) > 1 && args[1] != "" && args[1][0] != '-':
		n = 2
	}
	if n < len(args) && !isFlag(args[n]) {
		return 0
	}
	return n
}

// newParser builds the parser of only one form: a grammar takes longer than everything else before exec.
func newParser(grammar any) *kong.Kong {
	return kong.Must(grammar, kong.NoDefaultHelp(), kong.KindMapper(reflect.String, kong.MapperFunc(decodeText)))
}

// errNoValue is the error of a value that is empty, as of a variable that is not set.
var errNoValue = errors.New("no value")

// decodeText takes the bytes of a value unchanged. Kong decodes it as JSON, which changes bytes that are not UTF-8.
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
