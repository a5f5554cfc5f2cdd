package main

import (
	"github.com/systemfd/systemfd/completions"
	"github.com/systemfd/systemfd/internal/cli"
	"github.com/systemfd/systemfd/internal/completion"
	"github.com/systemfd/systemfd/internal/shell"
	"github.com/systemfd/systemfd/internal/spec"
)

// grammar is what the templates get: the flags of every form, and the values that are lists.
func grammar() completion.Grammar {
	g := completion.Grammar{Values: map[string][]completion.Value{
		"color": {
			{Text: "auto", Help: "if stderr is a terminal"},
			{Text: "always", Help: "also into a file or a pipe"},
			{Text: "never", Help: "plain text"},
		},
		"mode": {
			{Text: "0600", Help: "only you"},
			{Text: "0660", Help: "you and the group"},
			{Text: "0666", Help: "everybody"},
		},
		"shell":      shells(),
		"completion": scripts(),
		"type":       types(),
		"form":       forms(),
	}}
	for _, form := range cli.Forms() {
		g.Forms = append(g.Forms, completion.NewForm(form.Name, form.Summary, form.Model))
	}
	return g
}

// forms is what systemfd help takes.
func forms() []completion.Value {
	var values []completion.Value
	for _, form := range cli.Forms()[1:] {
		values = append(values, completion.Value{Text: form.Name, Help: form.Summary})
	}
	return values
}

// shells is what systemfd env --shell takes.
func shells() []completion.Value {
	var values []completion.Value
	for _, name := range shell.Names() {
		help := "code for " + name
		if name == shell.Dotenv {
			help = "lines for an env file"
		}
		values = append(values, completion.Value{Text: name, Help: help})
	}
	return values
}

// scripts is what systemfd completion takes.
func scripts() []completion.Value {
	var values []completion.Value
	for _, script := range completions.All() {
		values = append(values, completion.Value{Text: script.Shell, Help: "the script for " + script.Shell})
	}
	return values
}

// types are the beginnings of a specification.
func types() []completion.Value {
	var values []completion.Value
	for _, t := range spec.Types() {
		values = append(values, completion.Value{Text: string(t) + "::", Help: t.Label()})
	}
	return values
}
