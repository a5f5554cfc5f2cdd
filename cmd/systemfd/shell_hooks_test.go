//go:build unix

package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// shellLines returns the lines that docs/shell-hooks.md has for shells, by their names, with a free port.
func shellLines(t *testing.T) (lines map[string]string) {
	t.Helper()
	lines = map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| ([a-z, ]+) \\| ``? ?(.+?) ?``? \\|$").FindAllStringSubmatch(page(t, "docs/shell-hooks.md"), -1) {
		if strings.Contains(row[2], "systemfd env") {
			for name := range strings.SplitSeq(row[1], ", ") {
				lines[name] = strings.NewReplacer("http::3000", "http::0", `\|`, "|").Replace(row[2])
			}
		}
	}
	return lines
}

// TestShellsOfPage evaluates the lines of docs/shell-hooks.md, but for the port, each in the shells that it is for.
func TestShellsOfPage(t *testing.T) {
	t.Parallel()
	lines := shellLines(t)
	for _, name := range []string{"bash", "zsh", "dash", "ksh", "fish", "tcsh", "xonsh", "elvish", "nushell"} {
		s, line := shellNamed(name), lines[name]
		if line == "" {
			t.Errorf("docs/shell-hooks.md has no line for %s, only %q", name, lines)
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			if got := script(p, s, line+"\n"+s.output("systemfd -- probe", "probe")); got.Status != 0 || !keptOpen.MatchString(got.Err) {
				t.Errorf("%s: exit %d, %s", line, got.Status, got.Err)
			}
			checkOwnPID(t, p.Read("probe"))
			testkit.Says(t, p.Read("probe"), "env LISTEN_FDNAMES=http", "fd 3 socket type=1 listening=1 .*")
		})
	}
}

// keptOpen is what systemfd env says of http::0.
var keptOpen = regexp.MustCompile(`\A~> socket http://127\.0\.0\.1:\d+/ -> kept open for .*pid \d+.*\n\z`)

// TestShellHookOfPage evaluates what the page has for Nix, as a Nix shell does.
func TestShellHookOfPage(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "bash")
	hook := regexp.MustCompile(`(?s)shellHook = ''\n(.*?)'';`).FindStringSubmatch(page(t, "docs/shell-hooks.md"))
	if hook == nil {
		t.Fatal("docs/shell-hooks.md has no shellHook")
	}
	p := testkit.NewProject(t)
	code := strings.Replace(hook[1], "http::3000", "http::0", 1) + "systemfd -- probe >probe\n"
	if got := script(p, shellNamed("bash"), code); got.Status != 0 || !keptOpen.MatchString(got.Err) {
		t.Errorf("%s: exit %d, %s", hook[1], got.Status, got.Err)
	}
	testkit.Says(t, p.Read("probe"), "env LISTEN_FDNAMES=http", "fd 3 socket type=1 listening=1 .*")
}
