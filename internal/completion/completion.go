// Package completion makes completion scripts from a grammar, with one template per shell. Only the generator uses it: the program
// embeds the scripts.
package completion

import (
	"embed"
	"fmt"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

// Form is one form of the command line.
type Form struct {
	Name, Help string // the subcommand; "" is the main form, whose command is behind "--"
	Flags      []Flag
	Args       string // what completes an argument, "" if there is none
	ManyArgs   bool
}

// Flag is a flag as it is typed.
type Flag struct {
	Names       []string // -s, --socket
	Unless      []string // words that exclude it: its own spellings and those of its opposite, unless it is repeatable
	Help        string
	Placeholder string // "" if it takes no value
	Kind        string // what completes its value
}

// Value is a word that may be typed.
type Value struct{ Text, Help string }

// Grammar is all that a template knows.
type Grammar struct {
	Forms  []Form
	Values map[string][]Value // for the kinds that are lists; the templates know the other kinds
}

// none is the kind of a value that nothing completes.
const none = "none"

// NewForm reads a form from its kong model. The tag complete says the kind of a value.
func NewForm(name, help string, model *kong.Node) Form {
	form := Form{Name: name, Help: help}
	for _, flag := range model.Flags {
		if !flag.Hidden {
			form.Flags = append(form.Flags, newFlags(flag)...)
		}
	}
	for _, arg := range model.Positional {
		form.Args, form.ManyArgs = kindOf(arg), arg.IsCumulative()
	}
	return form
}

// newFlags returns a flag, and its opposite if it has one: the tags on and off say what they do.
func newFlags(flag *kong.Flag) []Flag {
	f := Flag{Help: strings.ReplaceAll(flag.Help, "\n", " ")}
	if flag.Short != 0 {
		f.Names = append(f.Names, "-"+string(flag.Short))
	}
	f.Names = append(f.Names, "--"+flag.Name)
	if !flag.IsCumulative() {
		f.Unless = f.Names
	}
	if !flag.IsBool() {
		f.Placeholder, f.Kind = flag.PlaceHolder, kindOf(flag.Value)
	}
	if flag.Tag.Negatable == "" {
		return []Flag{f}
	}
	opposite := Flag{Names: []string{"--no-" + flag.Name}, Help: flag.Tag.Get("off")}
	f.Help, f.Unless = flag.Tag.Get("on"), append(f.Unless, opposite.Names...)
	opposite.Unless = f.Unless
	return []Flag{f, opposite}
}

func kindOf(value *kong.Value) string {
	if kind := value.Tag.Get("complete"); kind != "" {
		return kind
	}
	return none
}

// Short returns the letter of the flag, or "".
func (f Flag) Short() string {
	if len(f.Names[0]) == len("-x") {
		return f.Names[0][1:]
	}
	return ""
}

// Long returns the long spelling without its dashes.
func (f Flag) Long() string { return f.Names[len(f.Names)-1][len("--"):] }

// Subcommands returns the other forms.
func (g Grammar) Subcommands() []Form { return g.Forms[1:] }

// Takes returns the flags that take a value.
func (f Form) Takes() []Flag {
	var takes []Flag
	for _, flag := range f.Flags {
		if flag.Kind != "" {
			takes = append(takes, flag)
		}
	}
	return takes
}

//go:embed *.tmpl
var templates embed.FS

// Script returns the script for a shell.
func Script(shell string, g Grammar) (string, error) {
	t, err := template.New(shell+".tmpl").Funcs(quotes).ParseFS(templates, shell+".tmpl")
	if err != nil {
		return "", fmt.Errorf("no template for %s: %w", shell, err)
	}
	var text strings.Builder
	err = t.Execute(&text, g)
	return text.String(), err
}
