package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// launcher is a program that starts the server under another process ID: with LISTEN_PID set to its own,
// every reader would refuse.
type launcher struct {
	name   string // base name of COMMAND
	word   string // an argument that makes it one; "" where it always is
	closes bool   // the server does not find the descriptors: closed, or replaced
	nested string // how systemfd goes right before the server; ends either hint
}

// launchers holds the known ones, as measured; a shell, env, nohup and nice become the server by exec.
var launchers = []launcher{
	{"air", "", false, `air --build.full_bin "systemfd -- ./tmp/main"`},
	{"bun", "--watch", false, `entr -nr systemfd -- bun server.js`},
	{"bun", "run", true, `bun run dev, with "dev": "systemfd -- node server.js" in package.json`},
	{"cargo", "watch", false, `cargo watch -x build -s "systemfd -- target/debug/server"`},
	{"chokidar", "", true, `chokidar . -c "systemfd -- ./server"`},
	{"concurrently", "", true, `concurrently "systemfd -- ./server"`},
	{"deno", "task", false, `deno task dev, with "dev": "systemfd -- deno run -A server.ts" in deno.json`},
	{"entr", "", false, `entr -nr systemfd -- ./server`},
	{"find", "", false, `find . -name '*.conf' -exec systemfd -- ./server {} \;`},
	{"foreman", "", false, `foreman start, with web: systemfd -- ./server in the Procfile`},
	{"gmake", "", false, `gmake, with +systemfd -- ./server in the recipe`},
	{"go", "run", false, `go run -exec "systemfd --" .`},
	{"gow", "", false, `gow run -exec "systemfd --" .`},
	{"make", "", false, `make, with +systemfd -- ./server in the recipe`},
	{"modd", "", false, `modd, with daemon: systemfd -- ./server in modd.conf`},
	{"node", "--watch", true, `nodemon --exec "systemfd -- node" server.js`},
	{"nodemon", "", true, `nodemon --exec "systemfd -- node" server.js`},
	{"npm", "", true, `npm run dev, with "dev": "systemfd -- node server.js" in package.json`},
	{"npx", "", true, `npx nodemon --exec "systemfd -- node" server.js`},
	{"overmind", "", true, `overmind start, with web: systemfd -- ./server in the Procfile`},
	{"pnpm", "", false, `pnpm run dev, with "dev": "systemfd -- node server.js" in package.json`},
	{"reflex", "", false, `reflex -s -- systemfd -- ./server`},
	{"strace", "", false, `strace -f systemfd -- ./server`},
	{"sudo", "", true, `sudo -E systemfd -- ./server`},
	{"timeout", "", false, `timeout 60 systemfd -- ./server`},
	{"tmux", "", true, `tmux new "systemfd -- ./server"`},
	{"tsx", "", true, `nodemon --exec "systemfd -- node --import tsx" server.ts`},
	{"watchexec", "", false, `watchexec -r -- systemfd -- ./server`},
	{"watchfiles", "", true, `watchfiles "systemfd -- ./server"`},
	{"watchmedo", "", true, `watchmedo auto-restart -- systemfd -- ./server`},
	{"wgo", "", false, `wgo go build -o server . :: systemfd -- ./server`},
	{"xargs", "", false, `xargs systemfd -- ./server`},
	{"yarn", "", true, `yarn dev, with "dev": "systemfd -- node server.js" in package.json`},
}

// launcherOf returns the known launcher that command is, or nil.
func launcherOf(command []string) *launcher {
	name := filepath.Base(command[0])
	for i, l := range launchers {
		if l.name == name && (l.word == "" || slices.Contains(command[1:], l.word)) {
			return &launchers[i]
		}
	}
	return nil
}

// nests reports whether command has a systemfd of its own right before the server.
func nests(command []string) bool {
	return slices.ContainsFunc(command[1:], func(arg string) bool {
		words := strings.FieldsFunc(arg, func(r rune) bool { return strings.ContainsRune(" \t\n='\"();&|", r) })
		return slices.ContainsFunc(words, func(word string) bool { return filepath.Base(word) == "systemfd" })
	})
}

// hint says what the launcher does to the sockets, and what to type instead; "" where command is right as it is,
// with the sockets held or not, and LISTEN_PID asked for by a flag or not.
func (l *launcher) hint(command []string, held, pid bool) string {
	name := strings.TrimSpace(l.name + " " + l.word)
	switch nested := nests(command); {
	case l.closes && (!held || !nested):
		return fmt.Sprintf("%s does not pass descriptors on; with a holder and systemfd right before the server it works: systemfd --hold -s ... -- %s", name, l.nested)
	case !l.closes && !nested && !pid:
		return fmt.Sprintf("%s starts the server under another pid; one that checks LISTEN_PID needs systemfd right before it: systemfd -s ... -- %s", name, l.nested)
	}
	return ""
}
