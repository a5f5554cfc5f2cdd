//go:build linux

package packaging

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestFormula runs the formula's install, for the newest commit, and its test.
func TestFormula(t *testing.T) {
	t.Parallel()
	source := clone(t)
	if said := brew(t, filepath.Join(source, "packaging/homebrew/systemfd.rb"), source); !strings.HasPrefix(said, "HEAD-") {
		t.Errorf("the harness says %q", said)
	}
}

// brew installs and tests a formula, and checks what it has installed.
func brew(t *testing.T, formula, source string) string {
	t.Helper()
	testkit.Need(t, "ruby", "go")
	build, prefix := t.TempDir(), t.TempDir()
	run(t, source, "git", "-c", "advice.detachedHead=false", "clone", "-q", source, build) // the formula moves the files away
	said := run(t, ".", "ruby", "testdata/brew.rb", formula, build, prefix)
	checkInstalled(
		t, source, prefix, map[string]string{"share/pwsh/completions/_systemfd.ps1": "completions/systemfd.ps1"},
		"etc/bash_completion.d/", "share/bash-completion/completions/",
	)
	program := filepath.Join(prefix, "bin/systemfd")
	checkPasses(t, program)
	if head := run(t, source, "git", "rev-parse", "HEAD"); !strings.Contains(run(t, ".", program, "--version"), "commit "+strings.TrimSpace(head)) {
		t.Errorf("the program does not know its commit, %s", head)
	}
	return said
}

// TestFormulaStyle has rubocop look at the formula.
func TestFormulaStyle(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "rubocop")
	run(t, ".", "rubocop", "--config", "testdata/rubocop.yml", "--cache", "false", "homebrew/systemfd.rb", "testdata/brew.rb")
}
