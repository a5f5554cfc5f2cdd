package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/completions"
	"github.com/systemfd/systemfd/internal/cli"
	"github.com/systemfd/systemfd/internal/completion"
)

// TestDrift compares what is committed with what go generate would make.
func TestDrift(t *testing.T) {
	t.Parallel()
	for _, script := range completions.All() {
		text, err := completion.Script(script.Shell, grammar())
		if err != nil {
			t.Fatal(err)
		}
		if text != script.Text {
			t.Errorf("completions/%s is not what the flags make it: go generate ./completions", script.File)
		}
	}
}

// TestKinds looks for values that no template knows.
func TestKinds(t *testing.T) {
	t.Parallel()
	g := grammar()
	known := []string{"", "none", "spec", "unit", "file", "map", "pid", "holder", "name", "socket"}
	for kind := range g.Values {
		known = append(known, kind)
	}
	for _, form := range g.Forms {
		kinds := []string{form.Args}
		for _, flag := range form.Flags {
			kinds = append(kinds, flag.Kind)
		}
		for _, kind := range kinds {
			if !slices.Contains(known, kind) {
				t.Errorf("%s: nothing completes a %q", form.Name, kind)
			}
		}
	}
}

// TestEnums looks for lists that differ from what a flag takes.
func TestEnums(t *testing.T) {
	t.Parallel()
	g := grammar()
	for _, form := range cli.Forms() {
		for _, flag := range form.Model.Flags {
			var texts []string
			for _, value := range g.Values[flag.Tag.Get("complete")] {
				texts = append(texts, value.Text)
			}
			if flag.Enum != "" && strings.Join(texts, ",") != flag.Enum {
				t.Errorf("--%s takes %s, completed are %q", flag.Name, flag.Enum, texts)
			}
		}
	}
}
