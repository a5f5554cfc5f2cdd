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
			p := newProject(t)
			watchedNode(t, p.dir)
			writePackage(t, p.dir, "systemfd -- node server.js")
			s := server{name: "node"}
			if strings.Contains(line[1], "./server") {
				p.write("main.js", "") // what nodemon watches beside
				p.write("server", "#!/bin/sh\nexec probe graceful\n")
				if err := os.Chmod(p.path("server"), 0o755); err != nil {
					t.Fatal(err)
				}
				s = server{name: "probe", line: true, want: "hello"}
			}
			p.start("sh", "-c", strings.Replace(line[1], "http::3000", "http::0 --info-file info", 1))
			address := p.opened()
			if _, err := s.ask(address); err != nil {
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
	p := newProject(t)
	s := shells[slices.IndexFunc(shells, func(s shell) bool { return s.name == "bash" })]
	if got := script(p, s, strings.Replace(hook[1], "http::3000", "http::0", 1)+"systemfd -- probe >probe\n"); got.status != 0 || !keptOpen.MatchString(got.err) {
		t.Errorf("%s: exit %d, %s", hook[1], got.status, got.err)
	}
	says(t, p.read("probe"), "env LISTEN_FDNAMES=http", "fd 3 socket type=1 listening=1 .*")
}
