package launcher

// launchers are the known launchers, as measured on Linux: those of util-linux 2.38, coreutils 9.1, findutils 4.9 and others of
// Debian 12, and Node's with Node 20. The tests run most of them. If two rows fit, the first is used.
var launchers = [...]launcher{
	// Launchers that become their command by exec.
	{name: "catatonit", ends: true, measured: "0.1.7"}, // it forks, and mends LISTEN_PID itself
	{name: "choom", ends: true, values: "n adjust p pid"},
	{name: "chpst", ends: true, values: "u U b e / P n l L m d o p f c t", measured: "runit 2.1.2"},
	{name: "chrt", ends: true, operands: 1, values: "T D P p sched-runtime sched-deadline sched-period"},
	{name: "direnv", word: "exec", ends: true, operands: 1},
	{name: "env", flags: "- i ignore-environment", effect: blocks, ends: true, values: "u unset C chdir", isFar: true},
	{name: "env", ends: true, values: "u unset C chdir"},
	{name: "ionice", ends: true, values: "c class n classdata"},
	{name: "nice", ends: true, values: "n adjustment"},
	{name: "nohup", ends: true},
	{name: "prlimit", ends: true},
	{name: "setarch", ends: true, operands: 1},
	{name: "setpriv", ends: true, values: "reuid ruid euid regid rgid egid groups inh-caps ambient-caps bounding-set securebits pdeathsig"},
	{name: "softlimit", ends: true, values: "a c d f l m o p r s t", measured: "daemontools 0.76"},
	{name: "stdbuf", ends: true, values: "i input o output e error"},
	{name: "taskset", ends: true, operands: 1},
	{name: "valgrind", ends: true, measured: "3.19"},

	// Launchers that do so only with, or only without, a flag.
	{name: "flock", flags: "c command", effect: forks, text: "c command", operands: 1, pattern: `lock -c "systemfd -- ./server"`},
	{name: "flock", unless: "F no-fork", effect: forks, ends: true, operands: 1, values: flockValues},
	{name: "flock", ends: true, operands: 1, values: flockValues},
	{name: "setsid", flags: "f fork", effect: forks, ends: true},
	{name: "setsid", isLeader: true, effect: forks, ends: true},
	{name: "setsid", ends: true},
	{name: "strace", unless: "D DD DDD daemonize", effect: forks, ends: true, values: straceValues},
	{name: "strace", ends: true, values: straceValues},
	{name: "unshare", flags: "f fork", effect: forks, ends: true, values: unshareValues},
	{name: "unshare", ends: true, values: unshareValues},

	// Launchers that start their command as a child.
	{name: "bwrap", effect: forks, ends: true, after: "--", pattern: `--dev-bind / / -- systemfd -- ./server`, measured: "0.8.0"},
	{name: "dbus-run-session", effect: forks, ends: true, values: "config-file dbus-daemon"},
	{name: "docker-init", effect: forks, ends: true, eats: true, values: "p e", measured: "as tini"},
	{name: "dumb-init", effect: forks, ends: true, values: "r rewrite"},
	{name: "fakeroot", effect: forks, ends: true, values: "l lib f faked s i b", measured: "1.31"},
	{name: "find", effect: forks, ends: true, after: "-exec", pattern: `. -maxdepth 0 -exec systemfd -- ./server \;`},
	{name: "ltrace", effect: forks, ends: true, values: "a A D e F l n o p s u w x", measured: "0.7.3"},
	{name: "nix-shell", effect: forks, text: "run command", operands: 9, pattern: `--run "systemfd -- ./server"`, measured: old},
	{name: "parallel", effect: forks, ends: true, values: "j jobs a arg-file I S L n N P", measured: "20221122"},
	{name: "start_server", effect: forks, ends: true, after: "--", pattern: `-- systemfd -- ./server`, measured: "Server::Starter 0.35"},
	{name: "script", effect: forks, text: "c command", operands: 1, pattern: `-qc "systemfd -- ./server" /dev/null`},
	{name: "time", effect: forks, ends: true, values: "f format o output"},
	{name: "timeout", effect: forks, ends: true, operands: 1, values: "k kill-after s signal"},
	{name: "tini", effect: forks, ends: true, eats: true, values: "p e"},
	{name: "xargs", effect: forks, ends: true, values: "a arg-file d delimiter E I L n max-args P max-procs s max-chars process-slot-var"},

	// Launchers that run their command as another user, or in another environment.
	{name: "doas", effect: closes, ends: true, values: "C u", isFar: true, measured: "6.8.2"}, // with keepenv in doas.conf
	{name: "firejail", effect: blocks, ends: true, measured: "0.9.72"},                        // it has a pid namespace of its own, too
	{
		name: "runuser", flags: "- l login", effect: forks, text: "c command", operands: 1, drops: true, add: keepOurs, addFlag: "w",
		pattern: `-l -c "systemfd -- ./server" root`,
	},
	{name: "runuser", flags: "u user", effect: forks, ends: true, values: "u user g group G supp-group w whitelist-environment"},
	{name: "runuser", effect: forks, text: "c command", operands: 1, pattern: `-c "systemfd -- ./server" root`},
	{
		name: "su", flags: "- l login", effect: forks, text: "c command", operands: 1, drops: true, add: keepOurs, addFlag: "w",
		pattern: `-l -c "systemfd -- ./server"`,
	},
	{name: "su", effect: forks, text: "c command", operands: 1, pattern: `-c "systemfd -- ./server"`},
	{name: "sudo", flags: "i login", effect: blocks, ends: true, values: sudoValues, isFar: true, measured: "1.9.13"},
	{name: "sudo", effect: closes, ends: true, values: sudoValues, add: "-E", addFlag: "E preserve-env", isFar: true},

	// Debuggers.
	{name: "dlv", effect: forks, pattern: `exec "$(command -v systemfd)" -- -- ./server`, measured: "1.27.2"},
	{name: "gdb", effect: forks, add: `-ex "set exec-wrapper systemfd --"`, addFlag: "ex"},
	{name: "gdbserver", effect: forks, ends: true, operands: 1, measured: "13.1"},

	// Terminals.
	{name: "expect", effect: closes, pattern: `-c "spawn systemfd -- ./server; set timeout -1; expect eof"`, measured: "5.45.4"},
	{name: "screen", effect: closes, ends: true, values: "c e h p s S t T x"},
	{name: "tmux", effect: hoards, pattern: `new "systemfd -- ./server"`},
	{name: "unbuffer", effect: closes, ends: true, measured: "5.45.4"},

	// Watchers.
	{name: "air", effect: forks, pattern: `--build.full_bin "systemfd -- ./tmp/main"`, measured: "1.67.4"},
	{name: "bun", word: "run", flags: "watch", effect: reloads, instead: entr + `bun server.ts'`, measured: "1.4.5"},
	{name: "bun", flags: "watch", effect: reloads, instead: entr + `bun server.ts'`, measured: "1.4.5"},
	{name: "cargo", word: "watch", effect: forks, pattern: `watch -s "systemfd -- cargo run"`, measured: old},
	{name: "chokidar", effect: closes, pattern: `. --initial -c "systemfd -- ./server"`, measured: "3.0.0"},
	{name: "deno", word: "run", flags: "watch watch-hmr", effect: reloads, instead: entr + `deno run -A server.ts'`, measured: "2.9.6"},
	{name: "entr", flags: "s", effect: forks, pattern: `-nrs "exec systemfd -- ./server"`},
	{name: "entr", effect: forks, ends: true},
	{name: "gow", word: "run", effect: forks, add: `-exec "systemfd --"`, addFlag: "exec", measured: old},
	{name: "hupper", effect: forks, instead: entr + `python3 server.py'`, measured: old},
	{name: "node", flags: "watch watch-path", effect: closes, instead: nodemon + `server.js`, measured: "Node 20"},
	{name: "node-dev", effect: closes, instead: nodemon + `server.js`, measured: "8.0.0"},
	{name: "node-supervisor", effect: closes, instead: nodemon + `server.js`, measured: "0.12.0"},
	{name: "nodemon", effect: closes, pattern: `--exec "systemfd -- node" server.js`, measured: "3.1.14"},
	{
		name: "reflex", effect: forks, ends: true, eats: true, measured: "0.3.1",
		values: "r regex R inverse-regex g glob G inverse-glob c config d decoration e t shutdown-timeout substitute",
	},
	{name: "supervisor", effect: closes, pattern: `-x systemfd -- -- node server.js`, measured: "0.12.0"},
	{name: "ts-node-dev", effect: closes, instead: nodemonTS, measured: old},
	{name: "tsnd", effect: closes, instead: nodemonTS, measured: old},
	{name: "tsx", effect: closes, instead: nodemonTS, measured: "4.23.15"},
	{name: "watchexec", effect: forks, ends: true, after: "--", pattern: `-r -- systemfd -- ./server`, measured: old},
	{name: "watchfiles", effect: closes, pattern: `"systemfd -- ./server"`, measured: old},
	{name: "watchmedo", effect: closes, pattern: `auto-restart -- sh -c "exec systemfd -- ./server"`, measured: "2.2.1"},
	{name: "wgo", effect: forks, pattern: `go build -o server . :: systemfd -- ./server`, measured: old},

	// Launchers that find their commands in a file.
	{name: "bun", word: "run", isScript: true, effect: closes, files: "package.json", measured: "1.4.5"},
	{name: "deno", word: "task", effect: forks, files: "deno.jsonc deno.json", measured: "2.9.6"},
	{name: "foreman", effect: forks, files: "Procfile", measured: "0.87.2"},
	{name: "gmake", effect: forks, files: makefiles, puts: "+systemfd --"},
	{name: "make", effect: forks, files: makefiles, puts: "+systemfd --"},
	{name: "modd", effect: forks, files: "modd.conf", measured: "0.8.1"},
	{name: "ninja", effect: forks, files: "build.ninja"},
	{name: "npm", effect: closes, files: "package.json", measured: "Node 20"},
	{name: "overmind", effect: closes, files: "Procfile", measured: old},
	{name: "pnpm", word: "exec", effect: closes, ends: true, measured: "12.21.0"},
	{name: "pnpm", effect: closes, files: "package.json", measured: "12.21.0"}, // the native program that pnpm 12 installs, if it may, passes them on
	{name: "runsv", effect: forks, files: "run", measured: "runit 2.1.2"},
	{name: "runsvdir", effect: forks, files: "run", measured: "runit 2.1.2"},
	{name: "s6-supervise", effect: forks, files: "run", measured: "s6 2.11.3"},
	{name: "s6-svscan", effect: forks, files: "run", measured: "s6 2.11.3"},
	{name: "supervise", effect: forks, files: "run", measured: "daemontools 0.76"},
	{name: "supervisord", effect: closes, files: "supervisord.conf", measured: "4.2.5"},
	{name: "task", effect: forks, files: "Taskfile.yml", measured: "3.54.0"},
	{name: "yarn", effect: closes, files: "package.json", measured: "1.22.22"},

	// Launchers that take several commands, or make one.
	{name: "concurrently", effect: closes, pattern: `"systemfd -- ./server"`, measured: "9.2.5"},
	{name: "go", word: "run", effect: forks, values: "C", add: `-exec "systemfd --"`, addFlag: "exec", measured: "1.26"},
	{name: "mprocs", effect: closes, pattern: `"systemfd -- ./server"`, measured: "0.9.6"},
	{name: "npx", effect: closes, ends: true, isKnown: true, values: "p package w workspace", pattern: `-c "systemfd -- ./server"`, measured: "Node 20"},
	{name: "pm2", effect: closes, instead: pm2, measured: "7.0.4"},
	{name: "pm2-runtime", effect: closes, instead: pm2, measured: "7.0.4"},
}

// shells are the shells that start even a single command of -c as a child, unless exec precedes it. Other shells become the command:
// bash, zsh, ksh, yash and the sh of busybox.
var shells = [...]launcher{
	{name: "dash", effect: forks, values: "o", text: "c", puts: "exec", pattern: inShell},
	{name: "elvish", effect: forks, text: "c", puts: "exec", pattern: inShell, measured: "0.19.2"},
	{name: "fish", effect: forks, values: "C init-command d debug f features o debug-output", text: "c command", puts: "exec", pattern: inShell},
	{name: "mksh", effect: forks, values: "o", text: "c", puts: "exec", pattern: inShell}, // only in a list
	{name: "nu", effect: forks, text: "c commands", puts: "exec", pattern: inShell, measured: "0.115.1"},
	{name: "tcsh", effect: forks, text: "c", puts: "exec", pattern: inShell},
	{name: "xonsh", effect: forks, text: "c", puts: "exec", pattern: inShell, measured: "0.13.4"},
}

// Values that several rows have.
const (
	old           = "an older version" // which the tests never ran
	inShell       = `-c "exec systemfd -- ./server"`
	entr          = `sh -c 'ls | exec entr -nr systemfd -- `
	nodemon       = `nodemon --exec "systemfd -- node" `
	nodemonTS     = `nodemon --exec "systemfd -- node --import tsx" server.ts`
	pm2           = `pm2-runtime start systemfd --interpreter none -- -- ./server`
	makefiles     = "GNUmakefile makefile Makefile"
	keepOurs      = "-w LISTEN_FDS,LISTEN_FDNAMES,SYSTEMFD_SOCKETS"
	flockValues   = "w wait timeout E conflict-exit-code"
	straceValues  = "a b e E I o O p P s S u U X attach columns trace-path summary-sort-by string-limit output user env"
	sudoValues    = "u user g group h host p prompt C close-from r role t type T command-timeout U other-user D chdir R chroot"
	unshareValues = "S setuid G setgid R root w wd propagation setgroups map-user map-group"
)
