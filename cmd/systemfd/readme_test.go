//go:build unix

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRecipesForHold types the README's lines for launchers that close descriptors, with a free port.
func TestRecipesForHold(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "nodemon", "node", "npm")
	lines := regexp.MustCompile(`(?m)^    (systemfd --hold -s http::3000 -- .*?)(?: +#.*)?$`).FindAllStringSubmatch(readme(t), -1)
	if len(lines) != 3 {
		t.Fatalf("README.md has %d lines with --hold", len(lines))
	}
	for _, line := range lines {
		t.Run(line[1], func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			s := writeRecipe(p, line[1])
			p.Start("sh", "-c", strings.Replace(line[1], "http::3000", "http::0 --info-file info", 1))
			if _, err := s.Ask(p.Opened()); err != nil {
				t.Error(err)
			}
		})
	}
}

// writeRecipe writes what a line of the README starts, and returns which server that is.
func writeRecipe(p *testkit.Project, line string) testkit.Server {
	p.T.Helper()
	watchedNode(p.T, p.Dir)
	writePackage(p.T, p.Dir, "systemfd -- node server.js")
	if !strings.Contains(line, "./server") {
		return testkit.Server{Name: "node"}
	}
	p.Write("main.js", "") // what nodemon watches beside
	p.Write("server", "#!/bin/sh\nexec probe graceful\n")
	if err := os.Chmod(p.Path("server"), 0o755); err != nil {
		p.T.Fatal(err)
	}
	return testkit.Server{Name: "probe", Line: true, Want: "hello"}
}

// shellLines returns the lines that README.md has for shells, by their names, with a free port.
func shellLines(t *testing.T) (lines map[string]string) {
	t.Helper()
	lines = map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| ([a-z, ]+) \\| ``? ?(.+?) ?``? \\|$").FindAllStringSubmatch(readme(t), -1) {
		if strings.Contains(row[2], "systemfd env") {
			for name := range strings.SplitSeq(row[1], ", ") {
				lines[name] = strings.NewReplacer("http::3000", "http::0", `\|`, "|").Replace(row[2])
			}
		}
	}
	return lines
}

// TestShellsOfReadme evaluates the lines of README.md, but for the port, each in the shells that it is for.
func TestShellsOfReadme(t *testing.T) {
	t.Parallel()
	lines := shellLines(t)
	for _, name := range []string{"bash", "zsh", "dash", "ksh", "fish", "tcsh", "xonsh", "elvish", "nushell"} {
		s, line := shellNamed(name), lines[name]
		if line == "" {
			t.Errorf("README.md has no line for %s, only %q", name, lines)
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

// TestShellHookOfReadme evaluates what the README has for Nix, as a Nix shell does.
func TestShellHookOfReadme(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "bash")
	hook := regexp.MustCompile(`(?s)shellHook = ''\n(.*?)'';`).FindStringSubmatch(readme(t))
	if hook == nil {
		t.Fatal("README.md has no shellHook")
	}
	p := testkit.NewProject(t)
	code := strings.Replace(hook[1], "http::3000", "http::0", 1) + "systemfd -- probe >probe\n"
	if got := script(p, shellNamed("bash"), code); got.Status != 0 || !keptOpen.MatchString(got.Err) {
		t.Errorf("%s: exit %d, %s", hook[1], got.Status, got.Err)
	}
	testkit.Says(t, p.Read("probe"), "env LISTEN_FDNAMES=http", "fd 3 socket type=1 listening=1 .*")
}
