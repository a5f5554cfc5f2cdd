//go:build linux

package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// The launchers that were measured, as their users type them: these pass descriptors on, and those close them.
var (
	passOn = []string{
		"air", "bun --watch server.ts", "cargo watch -x run", "deno task dev", "entr -nr ./server", "find . -exec ./server ;", "foreman start",
		"gmake run", "go run .", "gow run .", "make run", "modd", "pnpm dev", "reflex -s ./server", "strace -f ./server", "timeout 60 ./server",
		"watchexec -r ./server", "wgo run .", "xargs ./server",
	}
	closing = []string{
		"bun run dev", "chokidar . -c ./server", "concurrently ./server", "node --watch server.js", "nodemon server.js", "npm run dev", "npx server",
		"overmind start", "sudo ./server", "tmux new ./server", "tsx watch server.ts", "watchfiles ./server", "watchmedo auto-restart ./server", "yarn dev",
	}
)

// oddHint is what no hint may have: a slip of its making.
var oddHint = regexp.MustCompile(`%!|  |[a-z]\.\n|-- -- |-- \+|-- "|-- web:|: another|: daemon: .*: daemon|<nil>`)

// TestLauncherHints has systemfd start a fake of each launcher.
func TestLauncherHints(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "sh")
	fakes := t.TempDir()
	for _, line := range slices.Concat(passOn, closing) {
		command := strings.Fields(line)
		name := command[0]
		command[0] = fakeLauncher(t, fakes, name)
		hint := hintFor(t, command)
		if !strings.HasPrefix(hint, "hint: "+name+" ") || strings.Count(hint, "\n") != 1 {
			t.Errorf("%s: the hint is %q", line, hint)
		}
		if oddHint.MatchString(hint) || !strings.Contains(hint, "systemfd ") {
			t.Errorf("%s: odd hint %q", line, hint)
		}
		closes := slices.Contains(closing, line)
		if closes != strings.Contains(hint, "does not pass descriptors on") {
			t.Errorf("%s: closes=%v, but %q", line, closes, hint)
		}
		if closes {
			continue
		}
		if hint := hintFor(t, append(command, "systemfd", "--", "./server")); hint != "" {
			t.Errorf("%s systemfd: %q", line, hint)
		}
	}
}

// fakeLauncher makes a program of a launcher's name, if there is none yet.
func fakeLauncher(t *testing.T, dir, name string) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if !testkit.Exists(path) {
		writeProgram(t, path, "#!/bin/sh\necho \"LISTEN_FDS=$LISTEN_FDS LISTEN_PID=$LISTEN_PID\"\n")
	}
	return path
}

// hintFor has systemfd start a fake launcher, and returns what it says below the line on the socket.
func hintFor(t *testing.T, command []string) (hint string) {
	t.Helper()
	got := testkit.HandOff(t, nil, append([]string{"-s", "0", "--"}, command...)...)
	if got.Out != "LISTEN_FDS=1 LISTEN_PID=\n" {
		t.Errorf("%q finds %q", command, got.Out)
	}
	_, hint, _ = strings.Cut(got.Err, "\n")
	return hint
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
	p.Launch("sh", "-c", typed)
	address := p.Opened()
	restartByFile(t, p.Dir, node, address, node.MustAsk(t, address))
	testkit.SaysNot(t, p.Read("err"), "error: .*", "hint: .*") // a warning may come: nodemon does not wait for node, only for its shell
}
