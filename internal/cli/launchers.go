package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/systemfd/systemfd/internal/shell"
)

// launcher is a program that starts the server under another process ID: with LISTEN_PID set to its own,
// every reader would refuse.
type launcher struct {
	name   string // base name of COMMAND
	word   string // a subcommand or flag that makes it one; "" if it always is
	closes bool   // the server does not find the descriptors: closed, or replaced
	inFile bool   // what it runs stands in a file, not in its arguments
	nested string // how systemfd goes right before the server; ends either hint
}

// launchers holds the known ones, as measured; a shell, env, nohup and nice become the server by exec.
var launchers = []launcher{
	{name: "air", nested: `air --build.full_bin "systemfd -- ./tmp/main"`},
	{name: "bun", word: "--watch", nested: `entr -nr systemfd -- bun server.js`},
	{name: "bun", word: "run", closes: true, inFile: true, nested: `bun run dev, with "dev": "systemfd -- node server.js" in package.json`},
	{name: "cargo", word: "watch", nested: `cargo watch -x build -s "systemfd -- target/debug/server"`},
	{name: "chokidar", closes: true, nested: `chokidar . -c "systemfd -- ./server"`},
	{name: "concurrently", closes: true, nested: `concurrently "systemfd -- ./server"`},
	{name: "deno", word: "task", inFile: true, nested: `deno task dev, with "dev": "systemfd -- deno run -A server.ts" in deno.json`},
	{name: "entr", nested: `entr -nr systemfd -- ./server`},
	{name: "find", nested: `find . -name '*.conf' -exec systemfd -- ./server {} \;`},
	{name: "foreman", inFile: true, nested: `foreman start, with web: systemfd -- ./server in the Procfile`},
	{name: "gmake", inFile: true, nested: `gmake, with +systemfd -- ./server in the recipe`},
	{name: "go", word: "run", nested: `go run -exec "systemfd --" .`},
	{name: "gow", nested: `gow run -exec "systemfd --" .`},
	{name: "make", inFile: true, nested: `make, with +systemfd -- ./server in the recipe`},
	{name: "modd", inFile: true, nested: `modd, with daemon: systemfd -- ./server in modd.conf`},
	{name: "node", word: "--watch", closes: true, nested: `nodemon --exec "systemfd -- node" server.js`},
	{name: "nodemon", closes: true, nested: `nodemon --exec "systemfd -- node" server.js`},
	{name: "npm", closes: true, inFile: true, nested: `npm run dev, with "dev": "systemfd -- node server.js" in package.json`},
	{name: "npx", closes: true, nested: `npx nodemon --exec "systemfd -- node" server.js`},
	{name: "overmind", closes: true, inFile: true, nested: `overmind start, with web: systemfd -- ./server in the Procfile`},
	{name: "pnpm", inFile: true, nested: `pnpm run dev, with "dev": "systemfd -- node server.js" in package.json`},
	{name: "reflex", nested: `reflex -s -- systemfd -- ./server`},
	{name: "strace", nested: `strace -f systemfd -- ./server`},
	{name: "sudo", closes: true, nested: `sudo -E systemfd -- ./server`},
	{name: "timeout", nested: `timeout 60 systemfd -- ./server`},
	{name: "tmux", closes: true, nested: `tmux new "systemfd -- ./server"`},
	{name: "tsx", closes: true, nested: `nodemon --exec "systemfd -- node --import tsx" server.ts`},
	{name: "watchexec", nested: `watchexec -r -- systemfd -- ./server`},
	{name: "watchfiles", closes: true, nested: `watchfiles "systemfd -- ./server"`},
	{name: "watchmedo", closes: true, nested: `watchmedo auto-restart -- systemfd -- ./server`},
	{name: "wgo", nested: `wgo go build -o server . :: systemfd -- ./server`},
	{name: "xargs", nested: `xargs systemfd -- ./server`},
	{name: "yarn", closes: true, inFile: true, nested: `yarn dev, with "dev": "systemfd -- node server.js" in package.json`},
}

// launcherOf returns the known launcher that command is, or nil.
func launcherOf(command []string) *launcher {
	name := filepath.Base(command[0])
	for i, l := range launchers {
		if l.name == name && (l.word == "" || leads(l.word, command[1:])) {
			return &launchers[i]
		}
	}
	return nil
}

// leads reports whether word is the first of args that is no flag, or a flag before that, by itself or as in --watch-path=.
func leads(word string, args []string) bool {
	for _, arg := range args {
		if arg == word || strings.HasPrefix(word, "-") && strings.HasPrefix(arg, word) {
			return true
		}
		if !strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "+") {
			return false
		}
	}
	return false
}

// nests reports whether command has a systemfd of its own right before the server.
func nests(command []string) bool {
	return slices.ContainsFunc(command[1:], func(arg string) bool {
		words := strings.FieldsFunc(arg, func(r rune) bool { return strings.ContainsRune(" \t\n='\"();&|", r) })
		return slices.ContainsFunc(words, func(word string) bool { return filepath.Base(word) == "systemfd" })
	})
}

// hint says what the launcher does to the sockets, and what to type instead behind our flags, own; "" where command
// is right as it is, with the sockets held or not, and LISTEN_PID asked for by a flag or not.
func (l *launcher) hint(own []string, command []string, held, pid bool) string {
	name := strings.TrimSpace(l.name + " " + l.word)
	switch nested := nests(command); {
	case l.closes && (!held || !nested && !l.inFile):
		return fmt.Sprintf("%s does not pass descriptors on; with a holder and systemfd right before the server it works: %s", name, l.typed(append([]string{"--hold"}, own...)))
	case !l.closes && !nested && !pid:
		return fmt.Sprintf("%s starts the server under another pid; one that checks LISTEN_PID needs systemfd right before it: %s", name, l.typed(own))
	}
	return ""
}

// typed is the whole command line with the nested form.
func (l *launcher) typed(own []string) string {
	return shell.Join(slices.Concat([]string{"systemfd"}, own, []string{"--"})) + " " + l.nested
}
