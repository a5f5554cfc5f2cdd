//go:build linux

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// Every launcher that was measured, as its users type it.
func TestLauncherHints(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "sh")
	passOn := []string{
		"air", "bun --watch server.ts", "cargo watch -x run", "deno task dev", "entr -nr ./server", "find . -exec ./server ;", "foreman start",
		"gmake run", "go run .", "gow run .", "make run", "modd", "pnpm dev", "reflex -s ./server", "strace -f ./server", "timeout 60 ./server",
		"watchexec -r ./server", "wgo run .", "xargs ./server",
	}
	closing := []string{
		"bun run dev", "chokidar . -c ./server", "concurrently ./server", "node --watch server.js", "nodemon server.js", "npm run dev", "npx server",
		"overmind start", "sudo ./server", "tmux new ./server", "tsx watch server.ts", "watchfiles ./server", "watchmedo auto-restart ./server", "yarn dev",
	}
	fakes := t.TempDir()
	hints := map[string]string{}
	for _, line := range slices.Concat(passOn, closing) {
		command := strings.Fields(line)
		fake := filepath.Join(fakes, command[0])
		if err := os.WriteFile(fake, []byte("#!/bin/sh\necho \"LISTEN_FDS=$LISTEN_FDS LISTEN_PID=$LISTEN_PID\"\n"), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
		got := testkit.HandOff(t, nil, slices.Concat([]string{"-s", "0", "--", fake}, command[1:])...)
		if got.Out != "LISTEN_FDS=1 LISTEN_PID=\n" {
			t.Errorf("%s finds %q", line, got.Out)
		}
		_, hint, _ := strings.Cut(got.Err, "\n")
		if name, found := strings.CutPrefix(hint, "hint: "+command[0]+" "); !found || strings.Count(name, "\n") != 1 {
			t.Errorf("%s: the hint is %q", line, hint)
		}
		hints[line] = hint
		if slices.Contains(closing, line) {
			continue
		}
		nested := slices.Concat([]string{"-s", "0", "--", fake}, command[1:], []string{"systemfd", "--", "./server"})
		if got := testkit.HandOff(t, nil, nested...); strings.Contains(got.Err, "hint") || got.Out != "LISTEN_FDS=1 LISTEN_PID=\n" {
			t.Errorf("%s systemfd: %q, and the launcher finds %q", line, got.Err, got.Out)
		}
	}
	odd := regexp.MustCompile(`%!|  |[a-z]\.\n|-- -- |-- \+|-- "|-- web:|: another|: daemon: .*: daemon|<nil>`)
	for line, hint := range hints {
		if odd.MatchString(hint) || !strings.Contains(hint, "systemfd ") {
			t.Errorf("%s: odd hint %q", line, hint)
		}
		if closes := slices.Contains(closing, line); closes != strings.Contains(hint, "does not pass descriptors on") {
			t.Errorf("%s: closes=%v, but %q", line, closes, hint)
		}
	}
}

// TestLauncherHintWorks types what the hint for nodemon says.
func TestLauncherHintWorks(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "nodemon", "node")
	p := testkit.NewProject(t)
	watchedNode(t, p.Dir)
	got := p.Run("-s", "0", "--", "nodemon", "--version")
	hint := regexp.MustCompile(`(?m)^hint: .*: (systemfd --hold -s 0 -- nodemon .* server\.js)$`).FindStringSubmatch(got.Err)
	if hint == nil {
		t.Fatalf("the hint is\n%s", got.Err)
	}
	typed := strings.Replace(hint[1], "-s 0", "-s http::0 --info-file info", 1)
	p.Start("sh", "-c", typed)
	address := p.Opened()
	node := testkit.Server{Name: "node"}
	pid, err := node.Ask(address)
	if err != nil {
		t.Fatal(err)
	}
	restartByFile(t, p.Dir, node, address, pid)
	if log := p.Read("err"); strings.Contains(log, "hint:") {
		t.Errorf("it hints again:\n%s", log)
	}
}
