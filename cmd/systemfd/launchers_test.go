//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// launcherTest is a line that starts ./server or server.js, as people type it behind systemfd.
type launcherTest struct {
	line    string
	does    does
	tool    string // what it needs; "" for the first word
	isHeavy bool   // too heavy for make deps: run if it is there
	isTTY   bool   // its hint wants a terminal
	asRoot  bool   // others are asked for a password
	noHint  bool   // a program that its hint needs is not here
	isLinux bool   // other systems have another program of that name, or lack one that the line names
}

// does is what a launcher does to the sockets.
type does string

const (
	becomes does = "becomes the server"
	reloads does = "becomes the server, until that is reloaded"
	forks   does = "starts it as a child"
	drops   does = "starts it as a child, without the environment"
	closes  does = "closes the descriptors, too"
	blocks  does = "closes them, and drops the environment or hides the holder"
)

var launcherTests = []launcherTest{
	{line: "choom -n 0 -- ./server", does: becomes},
	{line: "chrt -b 0 ./server", does: becomes},
	{line: "direnv exec . ./server", does: becomes},
	{line: "env A=1 ./server", does: becomes},
	{line: "env -S 'A=1 ./server'", does: becomes},
	{line: "flock --no-fork lock ./server", does: becomes},
	{line: "ionice -c 2 ./server", does: becomes},
	{line: "nice -n 1 ./server", does: becomes},
	{line: "nohup ./server", does: becomes},
	{line: "prlimit --nofile=99 ./server", does: becomes},
	{line: "setarch x86_64 ./server", does: becomes},
	{line: "setpriv --nnp ./server", does: becomes},
	{line: "stdbuf -oL ./server", does: becomes},
	{line: "strace -D -o /dev/null ./server", does: becomes},
	{line: "taskset 3 ./server", does: becomes},
	{line: "unshare ./server", does: becomes},
	{line: "chpst ./server", does: becomes, isHeavy: true},
	{line: "softlimit ./server", does: becomes, isHeavy: true},
	{line: "valgrind -q ./server", does: becomes, isHeavy: true},

	{line: "bash -c ./server", does: becomes},
	{line: "bash -c 'cd . && ./server'", does: becomes, isLinux: true}, // bash 3.2 and 5.0 fork
	{line: "busybox sh -c ./server", does: becomes},
	{line: "ksh -c ./server", does: becomes},
	{line: "yash -c ./server", does: becomes},
	{line: "zsh -c ./server", does: becomes},
	{line: "dash -c 'exec ./server'", does: becomes},
	{line: "fish -c 'exec ./server'", does: becomes},
	{line: "tcsh -fc 'exec ./server'", does: becomes},
	{line: "dash -c ./server", does: forks},
	{line: "dash -ec 'cd . && ./server'", does: forks},
	{line: "fish -c ./server", does: forks},
	{line: "mksh -c 'cd . && ./server'", does: forks},
	{line: "tcsh -fc ./server", does: forks},
	{line: "elvish -c ./server", does: forks, isHeavy: true},
	{line: "xonsh -c ./server", does: forks, isHeavy: true},
	{line: "timeout 9 dash -c ./server", does: forks, isLinux: true},

	{line: "bwrap --dev-bind / / -- ./server", does: forks},
	{line: "dbus-run-session ./server", does: forks},
	{line: "dumb-init ./server", does: forks},
	{line: "fakeroot ./server", does: forks, isHeavy: true},
	{line: "find . -maxdepth 0 -exec ./server ';'", does: forks, isLinux: true},
	{line: "flock lock ./server", does: forks},
	{line: "flock lock -c ./server", does: forks},
	{line: "ltrace -o /dev/null ./server", does: forks, isHeavy: true},
	{line: "parallel ./server ::: one", does: forks},
	{line: "script -qc ./server /dev/null", does: forks, isLinux: true},
	{line: "setsid ./server", does: forks}, // the test makes it lead a process group, as an interactive shell does
	{line: "setsid -f ./server", does: forks},
	{line: "start_server --port 127.0.0.1:0 -- ./server", does: forks, isHeavy: true},
	{line: "strace -f -o /dev/null ./server", does: forks},
	{line: "env time ./server", does: forks, tool: "time"},
	{line: "timeout 9 ./server", does: forks},
	{line: "env A=1 nice -n 1 timeout -k 1 9 ./server", does: forks, isLinux: true},
	{line: "env -S 'timeout 9 ./server'", does: forks, isLinux: true},
	{line: "tini -s ./server", does: forks},
	{line: "unshare --fork ./server", does: forks},
	{line: "xargs -n 1 ./server", does: forks},

	{line: "env -i ./server", does: drops},
	{line: "su -c ./server", does: forks, asRoot: true, isLinux: true},
	{line: `su -l -c "$PWD/server"`, does: drops, asRoot: true, noHint: true, isLinux: true}, // systemfd is not in its PATH
	{line: "runuser -c ./server", does: forks, asRoot: true},
	{line: "runuser -u root -- ./server", does: forks, asRoot: true},
	{line: "sudo ./server", does: blocks, asRoot: true},
	{line: `sudo -i "$PWD/server"`, does: blocks, asRoot: true},
	{line: "firejail --noprofile --quiet ./server", does: closes, isHeavy: true},

	{line: "gdb -q -batch -iex 'set auto-load off' -ex run ./server", does: forks},
	{line: "expect -c 'spawn ./server; expect eof'", does: closes},
	{line: "unbuffer ./server", does: closes},
	{line: "screen -D -m ./server", does: closes, isLinux: true},
	{line: "tmux new -d ./server", does: closes, isTTY: true},

	{line: "air --build.cmd true --build.bin ./server", does: forks, isHeavy: true},
	{line: "bun --watch server.ts", does: reloads, isHeavy: true},
	{line: "bun run --watch server.ts", does: reloads, isHeavy: true},
	{line: "deno run -A --watch server.ts", does: reloads, isHeavy: true},
	{line: "chokidar . --initial -c ./server", does: closes},
	{line: "concurrently ./server", does: closes},
	{line: "entr -n ./server", does: forks},
	{line: "entr -ns ./server", does: forks},
	{line: "go run .", does: forks},
	{line: "node --watch server.js", does: closes, tool: "nodemon"},
	{line: "node-dev server.js", does: closes, isHeavy: true},
	{line: "node-supervisor server.js", does: closes, isHeavy: true},
	{line: "nodemon server.js", does: closes},
	{line: "npx nodemon server.js", does: closes, tool: "nodemon"},
	{line: "pm2-runtime start ./server", does: closes, isHeavy: true},
	{line: "reflex -s ./server", does: forks},
	{line: "supervisor server.js", does: closes, isHeavy: true},
	{line: "tsx server.ts", does: closes},
	{line: "watchmedo auto-restart ./server", does: closes},

	{line: "bun run dev", does: closes, isHeavy: true},
	{line: "bun run server.js", does: becomes, isHeavy: true},
	{line: "deno task dev", does: forks, isHeavy: true},
	{line: "foreman start", does: forks},
	{line: "make -j4", does: forks},
	{line: "modd", does: forks, isHeavy: true},
	{line: "ninja", does: forks},
	{line: "npm run dev", does: closes},
	{line: "pnpm dev", does: closes},
	{line: "pnpm exec ./server", does: closes},
	{line: "runsv .", does: forks, isHeavy: true},
	{line: "s6-supervise .", does: forks, isHeavy: true},
	{line: "supervise .", does: forks, isHeavy: true},
	{line: "supervisord -c supervisord.conf", does: closes, isHeavy: true},
	{line: "task", does: forks, isHeavy: true},
	{line: "yarn dev", does: closes},
}

// TestLaunchers runs each launcher below systemfd, and then what its hint says: a strict reader takes the sockets then.
func TestLaunchers(t *testing.T) {
	t.Parallel()
	for _, test := range launcherTests {
		t.Run(test.line, func(t *testing.T) {
			t.Parallel()
			test.need(t)
			var hint hint
			t.Run("typed", func(t *testing.T) {
				r, seen := test.start(t, "exec systemfd -s http::0 -- "+test.line, hint)
				test.check(t, r.Process.Pid, seen)
				hint = hintIn(t, strings.ReplaceAll(r.Read("err"), r.Dir, "$PWD"))
			})
			if is := hint.line != ""; is != (test.does != becomes) {
				t.Fatalf("is there a hint? %v", is)
			}
			if hint.line == "" || test.noHint {
				return
			}
			t.Run("hint", func(t *testing.T) {
				_, seen := test.start(t, hint.line, hint)
				checkOwnPID(t, seen)
				testkit.Says(t, seen, "env LISTEN_FDS=1", "fd 3 socket type=1 listening=1 .*")
			})
		})
	}
}

func (test launcherTest) need(t *testing.T) {
	t.Helper()
	if test.isLinux {
		testkit.LinuxOnly(t, "this program as the table describes it")
	}
	if test.asRoot && os.Geteuid() != 0 {
		t.Skip("it asks for a password")
	}
	tool := strings.Fields(test.line)[0]
	if test.tool != "" {
		tool = test.tool
	}
	if _, err := exec.LookPath(tool); err != nil && test.isHeavy {
		t.Skip(tool + " is not installed")
	}
	testkit.Need(t, tool)
}

// hint is what systemfd says of a launcher.
type hint struct {
	line         string // to type
	prefix, file string // to put before the server, and where
}

var (
	hintText = regexp.MustCompile(`\A~> .*\nhint: ([^:\n]+): (.*)\n`)
	fileText = regexp.MustCompile(`put "(.*)" before it in (\S+)$`)
)

// hintIn finds the one hint in what systemfd says.
func hintIn(t *testing.T, said string) (h hint) {
	t.Helper()
	if strings.Count(said, "hint:") > 1 {
		t.Errorf("systemfd says\n%s", said)
	}
	match := hintText.FindStringSubmatch(said)
	if match == nil {
		return h
	}
	h.line = match[2]
	if match := fileText.FindStringSubmatch(match[1]); match != nil {
		h.prefix, h.file = match[1], match[2]
	}
	return h
}

// start runs a line, and returns what the server sees.
func (test launcherTest) start(t *testing.T, line string, h hint) (r *testkit.Running, seen string) {
	t.Helper()
	p := testkit.NewProject(t)
	writeLaunched(p)
	if h.file != "" {
		p.Write(h.file, strings.Replace(p.Read(h.file), "./server", h.prefix+" ./server", 1))
	}
	if test.isTTY && h.line != "" {
		line = "TERM=xterm exec script -qec '" + line + "' /dev/null"
	}
	p.Env = append(p.Env, "GOCACHE="+goCache(), "NO_UPDATE_NOTIFIER=1", "TMUX_TMPDIR="+p.Home, "SCREENDIR="+p.Home, "npm_config_update_notifier=false", "SHELL=/bin/sh") // the last for chokidar
	r = p.StartWith("server\n", "sh", "-c", line)
	return r, testkit.Find(t, "the server to see something", func() (string, bool) {
		text, err := os.ReadFile(p.Path("seen"))
		return string(text), err == nil
	})
}

// check compares what the server sees with what the launcher does.
func (test launcherTest) check(t *testing.T, pid int, seen string) {
	t.Helper()
	const socket, anyPID, fds = "fd 3 socket type=1 listening=1 .*", "env LISTEN_PID=.*", "env LISTEN_FDS=1"
	own := fmt.Sprint("pid ", pid)
	var says, saysNot []string
	switch test.does {
	case becomes, reloads:
		says = []string{own, fmt.Sprint("env LISTEN_PID=", pid), fds, socket}
	case forks:
		says, saysNot = []string{fds, socket}, []string{own, anyPID}
	case drops:
		says, saysNot = []string{socket}, []string{anyPID, fds}
	case closes:
		says, saysNot = []string{fds}, []string{own, anyPID, socket}
	case blocks:
		saysNot = []string{own, anyPID, fds, socket}
	}
	testkit.Says(t, seen, says...)
	testkit.SaysNot(t, seen, saysNot...)
}

// writeLaunched writes what launchers start: the server, and the files that name it.
func writeLaunched(p *testkit.Project) {
	p.T.Helper()
	program, err := os.ReadFile(source(p.T, "seen.js"))
	if err != nil {
		p.T.Fatal(err)
	}
	for name, text := range map[string]string{
		"server.js": string(program), "server.ts": string(program),
		"package.json":     `{"name": "app", "version": "1.0.0", "scripts": {"dev": "./server"}}`,
		"deno.json":        `{"tasks": {"dev": "./server"}}`,
		"Makefile":         "serve:\n\t./server\n",
		"Procfile":         "web: ./server\n",
		"build.ninja":      "rule serve\n command = ./server\nbuild a: serve\n",
		"modd.conf":        "*.x {\n daemon: ./server\n}\n",
		"Taskfile.yml":     "version: '3'\ntasks:\n  default: ./server\n",
		"supervisord.conf": "[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\n[program:a]\ncommand=./server\n",
		"run":              "#!/bin/sh\nexec ./server\n",
		"go.mod":           "module app\n",
		"main.go":          "package main\n\nimport \"syscall\"\n\nfunc main() { syscall.Exec(\"./server\", []string{\"./server\"}, syscall.Environ()) }\n",
	} {
		p.Write(name, text)
	}
	err = errors.Join(
		os.Symlink(filepath.Join(bin, "probe"), p.Path("server")),
		os.Symlink(npm(p.T), p.Path("node_modules")),
		os.Chmod(p.Path("run"), 0o755),
	)
	if err != nil {
		p.T.Fatal(err)
	}
}

// goCache is where go build keeps what it has built: the project has a home of its own.
var goCache = sync.OnceValue(func() string {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(out))
})
