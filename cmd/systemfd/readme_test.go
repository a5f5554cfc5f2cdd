//go:build linux

package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

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
			watchedNode(t, p.Dir)
			writePackage(t, p.Dir, "systemfd -- node server.js")
			s := testkit.Server{Name: "node"}
			if strings.Contains(line[1], "./server") {
				p.Write("main.js", "") // what nodemon watches beside
				p.Write("server", "#!/bin/sh\nexec probe graceful\n")
				if err := os.Chmod(p.Path("server"), 0o755); err != nil {
					t.Fatal(err)
				}
				s = testkit.Server{Name: "probe", Line: true, Want: "hello"}
			}
			p.Start("sh", "-c", strings.Replace(line[1], "http::3000", "http::0 --info-file info", 1))
			address := p.Opened()
			if _, err := s.Ask(address); err != nil {
				t.Error(err)
			}
		})
	}
}

// keptOpen is what systemfd env says of http::0.
var keptOpen = regexp.MustCompile(`\A~> socket http://127\.0\.0\.1:\d+/ -> kept open for \S+ \(pid \d+\)\n\z`)

// TestShellHookOfReadme evaluates what the README has for Nix, as a Nix shell does.
func TestShellHookOfReadme(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "bash")
	hook := regexp.MustCompile(`(?s)shellHook = ''\n(.*?)'';`).FindStringSubmatch(readme(t))
	if hook == nil {
		t.Fatal("README.md has no shellHook")
	}
	p := testkit.NewProject(t)
	s := shells[slices.IndexFunc(shells, func(s shell) bool { return s.name == "bash" })]
	if got := script(p, s, strings.Replace(hook[1], "http::3000", "http::0", 1)+"systemfd -- probe >probe\n"); got.Status != 0 || !keptOpen.MatchString(got.Err) {
		t.Errorf("%s: exit %d, %s", hook[1], got.Status, got.Err)
	}
	testkit.Says(t, p.Read("probe"), "env LISTEN_FDNAMES=http", "fd 3 socket type=1 listening=1 .*")
}
