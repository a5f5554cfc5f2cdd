package launcher

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// effectTests have lines, "_" for a blank inside of an argument, and what is to be told of them.
var effectTests = map[effect][]string{
	becomes: {
		"./server npm", "npmx", "cargo run", "cargo", "go version", "node server.js", "env ./server", "env A=1 -- ./server", "nice -n 5 nohup ./server",
		"flock -n --no-fork lock ./server", "flock -Fw 5 lock ./server", "strace -fDo x ./server", "unshare -n ./server", "prlimit --nofile=9 ./server -f",
		"bun run server.ts", "bun run ./server", "bun server.ts", "deno run -A server.ts", "deno run server.ts --watch", "stdbuf -o L ./server",
		"bash -c ./server", "zsh -c ./server", "env -S timeout_'9'_./server", "env", "nice -n", "start-server x",
	},
	reloads: {"bun --watch server.ts", "bun run --watch server.ts", "deno run -A --watch server.ts", "env A=1 deno run --watch=x server.ts"},
	forks: {
		"cargo watch -x run", "/root/.cargo/bin/cargo watch", "cargo +nightly watch", "go run .", "go -C dir run .", "make", "timeout 9 ./server",
		"env A=1 timeout 9 ./server", "env -u A nice -n 5 timeout 9 ./server", "env -S timeout_9_./server", "env -Stimeout_9_./server",
		"env --split-string=timeout_9_./server", "/usr/bin/env timeout 9 ./server", "flock lock ./server -F", "flock lock -c ./server", "setsid -f ./server",
		"setsid -wf ./server", "strace -o -D ./server", "unshare -fp ./server", "su - me -c ./server",
		"direnv exec . timeout 9 ./server", "watchexec -r ./server",
	},
	closes: {
		"npm run dev", "./npm", "node --watch server.js", "node --watch-path=. server.js", "bun run dev", "timeout 9 npm start", "sudo ./server", "npx x",
		"sudo -u i ./server",
	},
	hoards: {"tmux", "nice tmux new ./server"},
	blocks: {"env -i ./server", "env - ./server", "env -iu A ./server", "sudo -u me -i ./server", "timeout 9 env -i ./server", "firejail ./server"},
}

// argv is a line as arguments.
func argv(line string) (argv []string) {
	for _, field := range strings.Fields(line) {
		argv = append(argv, strings.ReplaceAll(field, "_", " "))
	}
	return argv
}

func TestEffects(t *testing.T) {
	t.Parallel()
	for want, lines := range effectTests {
		for _, line := range lines {
			if got := Of(argv(line)); got.effect() != want {
				t.Errorf("%s: effect %d of %s, want %d", line, got.effect(), got.worst.name, want)
			}
		}
	}
}

// shellTests have the program that a shell is, its arguments, and whether it starts its command as a child.
var shellTests = []struct {
	program, args string
	forks         bool
}{
	{"dash", "-c ./server", true},
	{"dash", "-ec ./server", true},
	{"dash", "-o errexit -c ./server", true},
	{"dash", "-c -e cd_x;./server", true},
	{"dash", "-c executor", true},
	{"dash", "-c exec_./server", false},
	{"dash", "-c cd_x&&exec_./server", false},
	{"dash", "-c (exec_./server)", false},
	{"dash", "-c", false},
	{"dash", "script -c ./server", false},
	{"dash", "-e script", false},
	{"dash", "", false},
	{"mksh", "-c ./server", true},
	{"fish", "-c ./server", true},
	{"fish", "--command ./server", true},
	{"fish", "--command=./server", true},
	{"fish", "--command=exec_./server", false},
	{"fish", "--no-config -c ./server", true},
	{"tcsh", "-fc ./server", true},
	{"tcsh", "-f script", false},
	{"bash", "-c ./server", false},
	{"busybox", "-c ./server", false},
	{"zsh", "-c ./server", false},
}

// TestShells has each under three names: its own, another by a link, and that of another shell.
func TestShells(t *testing.T) {
	t.Parallel()
	testkit.NotWindows(t, "such shells")
	dir := t.TempDir()
	for _, test := range shellTests {
		program := filepath.Join(dir, test.program)
		links := []string{filepath.Join(dir, "bin-"+test.program, "sh"), filepath.Join(dir, "bin-"+test.program, "dash")}
		os.Mkdir(filepath.Dir(links[0]), 0o700)
		os.WriteFile(program, nil, 0o700)
		for _, link := range links {
			os.Symlink(program, link)
		}
		for _, name := range append(links, program) {
			w := Of(append([]string{name}, argv(test.args)...))
			if w.PassesPID() == test.forks {
				t.Errorf("%s, which is %s, with %s: effect %d", name, test.program, test.args, w.effect())
			}
		}
	}
}

func TestNests(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"entr -nr systemfd -- ./server":                       true,
		"entr /usr/bin/systemfd -- ./server":                  true,
		"air --build.full_bin systemfd_--_./tmp/main":         true,
		"air --build.full_bin exec_./systemfd_--_./tmp/main":  true,
		"cargo watch --shell=systemfd_--_target/debug/server": true,
		"entr -nr ./server":                                   false,
		"entr":                                                false,
		"systemfd":                                            false, // COMMAND itself
		"entr ./systemfd-server":                              false,
		"entr ./server systemfd.conf":                         false,
	} {
		if got := nests(argv(line)); got != want {
			t.Errorf("nests(%q) = %v", line, got)
		}
	}
}

// Parts of the hints, and the systemfd before the launcher.
const (
	forking  = " changes the process ID; for a server that checks it: "
	closing  = " closes the sockets; a holder keeps them: "
	fetching = " closes the sockets; systemfd right before the server fetches them: "
	blocking = " passes no sockets on; open them behind it: "
	plain    = "systemfd -b 7 -s 0 -- "
	hold     = "systemfd --hold -b 7 -s 0 -- "
)

// hintTests have a line, and its hint.
var hintTests = map[string]string{
	"./server": "",

	// systemfd goes right before the command
	"timeout -k 5 60 ./server -k x":      "timeout" + forking + plain + "timeout -k 5 60 systemfd -- ./server -k x",
	"/bin/timeout --signal=INT 6 ./a_b":  "timeout" + forking + plain + "/bin/timeout --signal=INT 6 systemfd -- './a b'",
	"env A=1 nice -n 5 xargs -I {} ./x":  "xargs" + forking + plain + "env A=1 nice -n 5 xargs -I '{}' systemfd -- ./x",
	"timeout 60 env A=1 ./server":        "timeout" + forking + plain + "timeout 60 env A=1 systemfd -- ./server",
	"env -S timeout_60_./server x":       "timeout" + forking + plain + "env timeout 60 systemfd -- ./server x",
	"find . -name x -exec ./server {} ;": "find" + forking + plain + "find . -name x -exec systemfd -- ./server '{}' ';'",
	"reflex -r x -s ./server":            "reflex" + forking + plain + "reflex -r x -s -- systemfd -- ./server",
	"reflex -s -- ./server":              "reflex" + forking + plain + "reflex -s -- systemfd -- ./server",
	"sudo -u me A=1 ./server":            "sudo" + closing + hold + `sudo -E -u me A=1 "$(command -v systemfd)" -- ./server`,
	"sudo -nE ./server":                  "sudo" + closing + hold + `sudo -nE "$(command -v systemfd)" -- ./server`,
	"timeout 60 sudo ./server":           "sudo" + closing + hold + `timeout 60 sudo -E "$(command -v systemfd)" -- ./server`,
	"runuser -u me -- ./server":          "runuser -u" + forking + plain + "runuser -u me -- systemfd -- ./server",
	"xargs":                              "",
	"timeout 60":                         "",

	// ... or into the text for a shell
	"su me -c ./server":                "su" + forking + plain + "su me -c 'systemfd -- ./server'",
	"script -qc cd_x_&&_./server f":    "script" + forking + plain + "script -qc 'cd x && systemfd -- ./server' f",
	"script -qc A=1_./server f":        "script" + forking + plain + `script -qc "systemfd -- ./server" /dev/null`,
	"script -qc ./server_|_cat f":      "script" + forking + plain + `script -qc "systemfd -- ./server" /dev/null`,
	"su -l me -c ./server":             "su -l drops the environment: " + plain + "su " + keepOurs + " -l me -c 'systemfd -- ./server'",
	"su -l me -c systemfd_--_./server": "su -l drops the environment: " + plain + "su " + keepOurs + " -l me -c 'systemfd -- ./server'",

	// ... or into a flag of its own
	"go run -race . -v":                    "go run" + forking + plain + `go run -exec "systemfd --" -race . -v`,
	"gdb -ex run --args ./server":          "gdb" + forking + plain + `gdb -ex "set exec-wrapper systemfd --" -ex run --args ./server`,
	"gdb -ex set_exec-wrapper_systemfd_--": "",

	// ... or all of it behind
	"env -i A=1 timeout 60 ./server": "env -i" + blocking + `env -i A=1 "$(command -v systemfd)" -b 7 -s 0 -- timeout 60 ./server`,
	"sudo -i ./server":               "sudo -i" + blocking + `sudo -i "$(command -v systemfd)" -b 7 -s 0 -- ./server`,
	"firejail --quiet ./server":      "firejail" + blocking + "firejail --quiet systemfd -b 7 -s 0 -- ./server",
	"sudo -i":                        "",

	// a line to go by
	"air -c x":                    "air" + forking + plain + `air --build.full_bin "systemfd -- ./tmp/main"`,
	"cargo watch -x run":          "cargo watch" + forking + plain + `cargo watch -s "systemfd -- cargo run"`,
	"./.bin/nodemon app.js":       "nodemon" + closing + hold + `./.bin/nodemon --exec "systemfd -- node" server.js`,
	"env A=1 node --watch app.js": "node --watch" + closing + hold + `env A=1 nodemon --exec "systemfd -- node" server.js`,
	"npx nodemon app.js":          "npx" + closing + hold + `npx nodemon --exec "systemfd -- node" server.js`,
	"npx server":                  "npx" + closing + hold + `npx -c "systemfd -- ./server"`,
	"bun --watch x.ts":            "bun --watch loses the sockets when it reloads: " + plain + "sh -c 'ls | exec entr -nr systemfd -- bun server.ts'",

	// a file
	"npm run dev":               `if the server finds no socket, put "systemfd --" before it in package.json: ` + hold + "npm run dev",
	"timeout 60 make -j4 A=b_c": `if the server finds no socket, put "+systemfd --" before it in Makefile: ` + plain + "timeout 60 make -j4 'A=b c'",

	// it is there already
	"timeout 60 systemfd -- ./server": "",
	"make run=systemfd_--_./server":   "",
	"nodemon --exec systemfd_--_node": "nodemon" + closing + hold + "nodemon --exec 'systemfd -- node'",
	"sudo systemfd -- ./server":       "sudo" + closing + hold + "sudo -E systemfd -- ./server",
}

func TestHints(t *testing.T) {
	t.Parallel()
	for line, want := range hintTests {
		if got := Of(argv(line)).Hint(Outer{Args: []string{"-b", "7", "-s", "0"}}); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", line, got, want)
		}
	}
}

// TestHintsForShells has sh be dash by a link.
func TestHintsForShells(t *testing.T) {
	t.Parallel()
	testkit.NotWindows(t, "such shells")
	dir := testkit.Directory(t)
	sh := filepath.Join(dir, "sh")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "dash"), nil, 0o700), os.Symlink("dash", sh)); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"sh -ec ./server_-x a":          "sh" + forking + plain + "sh -ec 'exec ./server -x' a",
		"sh -c cd_x_&&_./server":        "sh" + forking + plain + "sh -c 'cd x && exec ./server'",
		"sh -c A=1_./server":            "sh" + forking + plain + `sh -c "exec systemfd -- ./server"`,
		"sh -c systemfd_--_./server":    "",
		"timeout 6 sh -c ./server":      "timeout" + forking + plain + "timeout 6 sh -c 'exec systemfd -- ./server'",
		"timeout 6 sh -c exec_./server": "timeout" + forking + plain + "timeout 6 systemfd -- sh -c 'exec ./server'",
	} {
		command := argv(line)
		for i, word := range command {
			if word == "sh" {
				command[i] = sh
			}
		}
		got := Of(command).Hint(Outer{Args: []string{"-b", "7", "-s", "0"}})
		if got = strings.ReplaceAll(got, sh, "sh"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", line, got, want)
		}
	}
}

// TestHintsOfOuter: what the flags before the launcher say, and whether there is a holder.
func TestHintsOfOuter(t *testing.T) {
	t.Parallel()
	held, byFlag := Outer{Args: []string{"-s", "0"}, IsHeld: true}, Outer{Args: []string{"--hold", "-s", "0"}, IsHeld: true}
	pid := Outer{Args: []string{"--pid", "-s", "0"}, PID: true}
	for _, test := range []struct {
		Outer
		line, want string
	}{
		{pid, "timeout 6 ./server", ""},
		{pid, "make", ""},
		{pid, "npx x", "npx" + closing + `systemfd --hold --pid -s 0 -- npx -c "systemfd -- ./server"`},
		{pid, "su -l -c ./server", "su -l drops the environment: systemfd --pid -s 0 -- su " + keepOurs + " -l -c 'systemfd -- ./server'"},
		{held, "timeout 6 ./server", "timeout" + forking + "systemfd -s 0 -- timeout 6 systemfd -- ./server"},
		{held, "npx x", "npx" + fetching + `systemfd -s 0 -- npx -c "systemfd -- ./server"`},
		{held, "nodemon --exec systemfd_--_node", ""},
		{byFlag, "npx x", "npx" + fetching + `systemfd --hold -s 0 -- npx -c "systemfd -- ./server"`},
		{byFlag, "npm start", `if the server finds no socket, put "systemfd --" before it in package.json: systemfd --hold -s 0 -- npm start`},
	} {
		if got := Of(argv(test.line)).Hint(test.Outer); got != test.want {
			t.Errorf("%s, %+v:\n%s\nwant\n%s", test.line, test.Outer, got, test.want)
		}
	}
}

// TestHintOfFile: a launcher whose file has systemfd in it needs no hint. It is not parallel: it sets the working directory.
func TestHintOfFile(t *testing.T) {
	t.Chdir(t.TempDir())
	w := Of([]string{"make", "-j4"})
	for _, test := range []struct {
		file, text string
		isHint     bool
	}{{"Makefile", "run:\n\t./server\n", true}, {"makefile", "run:\n\t+systemfd -- ./server\n", false}} {
		if err := os.WriteFile(test.file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := w.Hint(Outer{}); (got != "") != test.isHint {
			t.Errorf("with %q in %s: %q", test.text, test.file, got)
		}
	}
}

// TestTable: each row says in one way how systemfd gets before the server.
func TestTable(t *testing.T) {
	t.Parallel()
	for _, l := range slices.Concat(launchers[:], shells[:]) {
		ways := 0
		isElsewhere := l.text == "" && !l.ends
		for _, is := range []bool{l.ends, l.text != "", l.files != "", l.instead != "", isElsewhere && l.add != "", isElsewhere && l.pattern != ""} {
			if is {
				ways++
			}
		}
		if ways != 1 {
			t.Errorf("%s has %d ways to put systemfd before the server", l.name, ways)
		}
		if line := l.instead + l.pattern; line != "" && !nests([]string{"", line}) {
			t.Errorf("%s: there is no systemfd in %q", l.name, line)
		}
	}
}
