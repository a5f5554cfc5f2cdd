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
	nested string // how systemfd goes right before the server, for readers that insist on LISTEN_PID
}

// launchers holds the known ones, as measured; a shell, env, nohup and nice become the server by exec.
var launchers = []launcher{
	{"air", "", false, `air --build.full_bin "systemfd -- ./tmp/main"`},
	{"bun", "--watch", false, `systemfd -- bun server.js, started by another watcher`},
	{"bun", "run", true, `"dev": "systemfd -s http::5000 -- bun server.js" in package.json`},
	{"cargo", "watch", false, `cargo watch -x build -s "systemfd -- target/debug/server"`},
	{"chokidar", "", true, `chokidar . -c "systemfd -s http::5000 -- ./server"`},
	{"concurrently", "", true, `concurrently "systemfd -s http::5000 -- ./server"`},
	{"deno", "task", false, `"dev": "systemfd -- deno run -A server.ts" in deno.json`},
	{"entr", "", false, `entr -nr systemfd -- ./server`},
	{"find", "", false, `find . -name '*.conf' -exec systemfd -- ./server {} \;`},
	{"foreman", "", false, `web: systemfd -- ./server in the Procfile`},
	{"gmake", "", false, `+systemfd -- ./server in the recipe`},
	{"go", "run", false, `go run -exec "systemfd --" .`},
	{"gow", "", false, `gow run -exec "systemfd --" .`},
	{"make", "", false, `+systemfd -- ./server in the recipe`},
	{"modd", "", false, `daemon: systemfd -- ./server in modd.conf`},
	{"node", "--watch", true, `another watcher: entr -nr systemfd -- node server.js`},
	{"nodemon", "", true, `nodemon --exec "systemfd -s http::5000 --" server.js`},
	{"npm", "", true, `"dev": "systemfd -s http::5000 -- node server.js" in package.json`},
	{"npx", "", true, `systemfd -s http::5000 -- node_modules/.bin/COMMAND`},
	{"overmind", "", true, `web: systemfd -s http::5000 -- ./server in the Procfile`},
	{"pnpm", "", false, `"dev": "systemfd -- node server.js" in package.json`},
	{"reflex", "", false, `reflex -s -- systemfd -- ./server`},
	{"strace", "", false, `strace -f systemfd -- ./server`},
	{"sudo", "", true, `sudo systemfd -s http::5000 -- ./server`},
	{"timeout", "", false, `timeout 60 systemfd -- ./server`},
	{"tmux", "", true, `tmux new "systemfd -s http::5000 -- ./server"`},
	{"tsx", "", true, `another watcher: entr -nr systemfd -- node --import tsx server.ts`},
	{"watchexec", "", false, `watchexec -r -- systemfd -- ./server`},
	{"watchfiles", "", true, `watchfiles "systemfd -s http::5000 -- ./server"`},
	{"watchmedo", "", true, `watchmedo auto-restart -- systemfd -s http::5000 -- ./server`},
	{"wgo", "", false, `wgo go build -o server . :: systemfd -- ./server`},
	{"xargs", "", false, `xargs systemfd -- ./server`},
	{"yarn", "", true, `"dev": "systemfd -s http::5000 -- node server.js" in package.json`},
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
		words := strings.Fields(arg)
		return slices.ContainsFunc(words, func(word string) bool { return filepath.Base(word) == "systemfd" })
	})
}

// hint says what the launcher does to the sockets, and what to type instead.
func (l *launcher) hint() string {
	if l.closes {
		return fmt.Sprintf("%s does not pass descriptors on, the server will not find the sockets; open them below it: %s", l.name, l.nested)
	}
	return fmt.Sprintf("%s starts the server under another pid; a server that checks LISTEN_PID needs: systemfd -s ... -- %s", l.name, l.nested)
}
