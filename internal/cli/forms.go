package cli

import "github.com/alecthomas/kong"

// subcommand is a form of the command line with a first word.
type subcommand struct {
	name    string
	usage   string // the arguments
	summary string
	grammar func() any
	run     func(p *printer, args []string) error
}

// subcommands are in the order of the help. The main form has no first word: its command is behind "--".
var subcommands = []subcommand{
	{"env", "-s SPEC...", "keep sockets open for this shell, between runs", grammar[envFlags], env},
	{"status", "", "what is kept, and for whom", grammar[statusFlags], status},
	{"stop", "[NAME...]", "close it", grammar[stopFlags], stop},
	{"url", "[NAME]", "print the URL of a socket", grammar[addressFlags], url},
	{"port", "[NAME]", "print the port of a socket", grammar[addressFlags], port},
	{"inspect", "", "what this process was given", grammar[inspectFlags], inspect},
	{"completion", "SHELL", "print the completion script for a shell", grammar[completionFlags], completion},
	{"help", "[FORM]", "print this help, or that of a form", grammar[helpFlags], nil},
	{"version", "", "print the version", grammar[versionFlags], nil},
}

// helpFlags are the arguments of systemfd help, which withoutForms carries out.
type helpFlags struct {
	Form string `arg:"" optional:"" complete:"form" help:"whose help to print [the main form]"`
	Help bool   `short:"h" help:"print this help"`
}

// versionFlags are those of systemfd version, which withoutForms carries out, too.
type versionFlags struct {
	Help bool `short:"h" help:"print this help"`
}

// withoutForms returns args with --help and --version for the forms that are called so.
func withoutForms(args []string) []string {
	switch {
	case args[0] == "version" && len(args) == 1:
		return []string{"--version"}
	case args[0] != "help" || len(args) > 2:
		return args
	case len(args) == 2 && contains("help version", args[1]):
		return []string{"--help"}
	case len(args) == 2 && findSubcommand(args[1]) != nil:
		return []string{args[1], "--help"}
	}
	return append([]string{"--help"}, args[1:]...)
}

func grammar[F any]() any { return new(F) }

// findSubcommand returns the subcommand of that name, or nil.
func findSubcommand(name string) *subcommand {
	for i := range subcommands {
		if subcommands[i].name == name {
			return &subcommands[i]
		}
	}
	return nil
}

// Form is one form of the command line as data, for the generator of the completions and the test of the man page. The tag
// complete of a flag or an argument says what completes its value.
type Form struct {
	Name, Summary string // Name is "" for the main form
	Model         *kong.Node
}

// Forms returns the main form, then the subcommands.
func Forms() []Form {
	forms := []Form{{"", "open sockets and become COMMAND", newParser(new(runFlags)).Model.Node}}
	for _, s := range subcommands {
		forms = append(forms, Form{s.name, s.summary, newParser(s.grammar()).Model.Node})
	}
	return forms
}
