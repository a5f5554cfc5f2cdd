//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// hintTests are lines as people type them, with what is wrong, and the hint. 3000 to 3003 are any ports, DIR is the working
// directory.
var hintTests = []struct{ line, error, hint string }{
	// -s is missing, or once too few
	{`systemfd http::3000 ./server`, `unexpected argument "http::3000"`, `put "-s" before each socket: systemfd -s http::3000 -- ./server`},
	{`systemfd 3000 -- ./server`, `unexpected argument "3000"`, `put "-s" before each socket: systemfd -s 3000 -- ./server`},
	{`systemfd :3000 ./server --flag`, `unexpected argument ":3000"`, `put "-s" before each socket: systemfd -s :3000 -- ./server --flag`},
	{`systemfd localhost:3000 -- ./server`, `unexpected argument "localhost:3000"`, `put "-s" before each socket: systemfd -s localhost:3000 -- ./server`},
	{`systemfd http://localhost:3000/ ./server`, `unexpected argument "http://localhost:3000/"`, `put "-s" before each socket: systemfd -s http://localhost:3000/ -- ./server`},
	{`systemfd web=3000 ./server`, `unexpected argument "web=3000"`, `put "-s" before each socket: systemfd -s web=3000 -- ./server`},
	{`systemfd ./app.sock -- ./server`, `unexpected argument "./app.sock"`, `put "-s" before each socket: systemfd -s ./app.sock -- ./server`},
	{`systemfd app.sock ./server`, `unexpected argument "app.sock"`, `put "-s" before each socket: systemfd -s ./app.sock -- ./server`},
	{`systemfd app.socket -- ./server`, `unexpected argument "app.socket"`, `put "-u" before a unit: systemfd -u app.socket -- ./server`},
	{`systemfd -s 3000 3001 -- true`, `unexpected argument "3001"`, `put "-s" before each socket: systemfd -s 3000 -s 3001 -- true`},
	{`systemfd -s 3000 -s -- true`, `--socket needs a value`, `systemfd -s 3000 -- true`},
	{`systemfd 3000`, `unexpected argument "3000"`, `put "-s" before each socket: systemfd -s 3000 -- ./server`},

	// -- is missing, or something else
	{`systemfd -s 3000`, `no command`, `systemfd -s 3000 -- ./server`},
	{`systemfd -s 3000 --`, `no command behind "--"`, `systemfd -s 3000 -- ./server`},
	{`systemfd -s 3000 ./server --flag`, `unexpected argument "./server"`, `put "--" before the command: systemfd -s 3000 -- ./server --flag`},
	{`systemfd -s 3000 sh -c true -- --flag`, `unexpected argument "sh"`, `put "--" before the command: systemfd -s 3000 -- sh -c true -- --flag`},
	{`systemfd ./server -s 3000`, `unexpected argument "./server"`, `put "--" before the command: systemfd -s 3000 -- ./server`},
	{`systemfd ./server --flag -s 3000 --nonblock --other`, `unexpected argument "./server"`, `put "--" before the command: systemfd -s 3000 --nonblock -- ./server --flag --other`},
	{`systemfd PORT=3000 ./server`, `unexpected argument "PORT=3000"`, `put "--" before the command: systemfd -- env PORT=3000 ./server`},
	{`systemfd -s 3000 — ./server`, `"—" is a dash, not two hyphens`, `systemfd -s 3000 -- ./server`},
	{`systemfd -s 3000 --- ./server`, `"---" is not "--"`, `systemfd -s 3000 -- ./server`},
	{`systemfd -s 3000 - ./server`, `"-" is not "--"`, `systemfd -s 3000 -- ./server`},
	{`systemfd –s 3000 —hold —nonblock — ./server`, `"–s" begins with a dash, not with hyphens`, `systemfd -s 3000 --hold --nonblock -- ./server`},
	{`systemfd —socket=3000 — ./server`, `"—socket=3000" begins with a dash, not with hyphens`, `systemfd --socket 3000 -- ./server`},
	{`systemfd -s “3000” — ./server`, `bad socket "“3000”": no port`, `systemfd -s 3000 -- ./server`},
	{`systemfd -s ‘3000’ -- ./server`, `bad socket "‘3000’": no port`, `systemfd -s 3000 -- ./server`},
	{"systemfd -s\u00a03000 --nonblock -- ./server", `bad socket "\u00a03000": no port`, `systemfd -s 3000 --nonblock -- ./server`},
	{`systemfd '' -s 3000 -- ./server`, `an argument is empty`, `systemfd -s 3000 -- ./server`},

	// subcommands
	{`systemfd -s http::3000 env`, `unexpected argument "env"`, `the subcommand comes first: eval "$(systemfd env -s http::3000)"`},
	{`systemfd -q --json status`, `unexpected argument "status"`, `the subcommand comes first: systemfd status --json`},
	{`systemfd -s 3000 env PORT=3000 ./server`, `unexpected argument "env"`, `put "--" before the command: systemfd -s 3000 -- env PORT=3000 ./server`},
	{`systemfd stat`, `unexpected argument "stat"`, `systemfd status; to run a program of that name: systemfd -- stat`},
	{`systemfd ls`, `unexpected argument "ls"`, `systemfd status; to run a program of that name: systemfd -- ls`},
	{`systemfd list --json`, `unexpected argument "list"`, `systemfd status --json; to run a program of that name: systemfd -- list --json`},
	{`systemfd start ./server`, `unexpected argument "start"`, `systemfd -- ./server; to run a program of that name: systemfd -- start ./server`},
	{`systemfd start -s 3000 -- ./server`, `unexpected argument "start"`, `systemfd -s 3000 -- ./server`},
	{`systemfd run`, `unexpected argument "run"`, `systemfd -s http::3000 -- ./server; to run a program of that name: systemfd -- run`},
	{`systemfd completions bash`, `unexpected argument "completions"`, `systemfd completion bash; to run a program of that name: systemfd -- completions bash`},
	{`systemfd complete`, `unexpected argument "complete"`, `systemfd completion bash; to run a program of that name: systemfd -- complete`},
	{`systemfd kill --all`, `unexpected argument "kill"`, `systemfd stop --all; to run a program of that name: systemfd -- kill --all`},
	{`systemfd inspct --json`, `unexpected argument "inspct"`, `systemfd inspect --json; to run a program of that name: systemfd -- inspct --json`},
	{`systemfd status 3000`, `unexpected argument "3000"`, `systemfd status`},
	{`systemfd status -v`, `unknown flag "-v"`, `systemfd status`},
	{`systemfd status -q`, `unknown flag "-q"`, `systemfd status`},
	{`systemfd status --josn`, `unknown flag "--josn"`, `systemfd status --json`},
	{`systemfd status -- ./server`, `unexpected argument "./server"`, `systemfd status`},
	{`systemfd inspect -s 3000 --json`, `unknown flag "-s"`, `systemfd -s 3000 -- systemfd inspect --json`},
	{`systemfd stop -a`, `unknown flag "-a"`, `systemfd stop --all`},
	{`systemfd completion --shell bash`, `unknown flag "--shell"`, `systemfd completion bash`},
	{`systemfd completion bash zsh`, `unexpected argument "zsh"`, `systemfd completion bash`},
	{`systemfd completion bahs`, `unknown shell "bahs"`, `systemfd completion bash`},
	{`systemfd help stats`, `unexpected argument "stats"`, `systemfd status --help`},
	{`systemfd env --version`, `unknown flag "--version"`, `systemfd -V`},

	// how a socket is spelled
	{`systemfd -s http:3000 -- true`, `bad socket "http:3000": "http" is followed by two colons`, `systemfd -s http::3000 -- true`},
	{`systemfd -s http:/3000 -- true`, `bad socket "http:/3000": "http" is followed by two colons`, `systemfd -s http::3000 -- true`},
	{`systemfd -s unix:./app.sock -- true`, `bad socket "unix:./app.sock": "unix" is followed by two colons`, `systemfd -s unix::./app.sock -- true`},
	{`systemfd -s app.sock -- true`, `bad socket "app.sock": no port`, `systemfd -s ./app.sock -- true`},
	{`systemfd -s localhost -- true`, `bad socket "localhost": no port`, `systemfd -s localhost:3000 -- true`},
	{`systemfd -s http::localhost/ -- true`, `bad socket "http::localhost/": http takes a port or host:port, not a path`, `systemfd -s http::localhost:3000 -- true`},
	{`systemfd -s http://localhost:3000/app -- true`, `bad socket "http://localhost:3000/app": a socket has no path, as "/app"`, `systemfd -s http::localhost:3000 -- true`},
	{`systemfd -s localhost:3000/ -- true`, `bad socket "localhost:3000/": "localhost:3000" is an address, and has no path`, `systemfd -s localhost:3000 -- true`},
	{`systemfd -s ws://localhost:3000 -- true`, `bad socket "ws://localhost:3000": unknown type "ws"`, `systemfd -s http::localhost:3000 -- true`},
	{`systemfd -s htpp::3000 -- true`, `bad socket "htpp::3000": unknown type "htpp"`, `systemfd -s http::3000 -- true`},
	{`systemfd -s web:http::3000 -- true`, `bad socket "web:http::3000": unknown type "web:http"`, `systemfd -s web=http::3000 -- true`},
	{`systemfd -s '[::1]3000' -- true`, `bad socket "[::1]3000": no colon behind "[::1]"`, `systemfd -s '[::1]:3000' -- true`},
	{`systemfd -s ::1:3000 -- true`, `bad socket "::1:3000": an IPv6 address needs brackets`, `systemfd -s '[::1]:3000' -- true`},
	{`systemfd -s 127.0.0.1::3000 -- true`, `bad socket "127.0.0.1::3000": unknown type "127.0.0.1"`, `systemfd -s 127.0.0.1:3000 -- true`},
	{`systemfd -s 3000:3001 -- true`, `bad socket "3000:3001": bad IP address "3000"`, `systemfd -s 3000 -- true`},
	{`systemfd -s 3000:localhost -- true`, `bad socket "3000:localhost": port "localhost" is not a number from 0 to 65535`, `systemfd -s localhost:3000 -- true`},
	{`systemfd -s 3000/tcp -- true`, `bad socket "3000/tcp": "3000" is an address, and has no path`, `systemfd -s tcp::3000 -- true`},
	{`systemfd -s udp::./app.sock -- true`, `bad socket "udp::./app.sock": udp takes a port or host:port, not a path`, `systemfd -s unix-dgram::./app.sock -- true`},
	{`systemfd -s http::./app.sock -- true`, `bad socket "http::./app.sock": http takes a port or host:port, not a path`, `systemfd -s unix::./app.sock -- true`},
	{`systemfd -s =3000 -- true`, `bad socket "=3000": bad name ""`, `systemfd -s 3000 -- true`},
	{`systemfd -s=3000 -- true`, `bad socket "=3000": bad name ""`, `systemfd -s 3000 -- true`},
	{`systemfd -s 'my app=3000' -- true`, `bad socket "my app=3000": bad name "my app"`, `systemfd -s my-app=3000 -- true`},
	{`systemfd -s ' 3000' -- true`, `bad socket " 3000": no port`, `systemfd -s 3000 -- true`},
	{`systemfd -s 'http:: 3000' -- true`, `bad socket "http:: 3000": no port`, `systemfd -s http::3000 -- true`},
	{`systemfd -s http ::3000 -- true`, `bad socket "http": no port`, `systemfd -s http::3000 -- true`},
	{`systemfd -s http 3000 ./server`, `bad socket "http": no port`, `systemfd -s http::3000 -- ./server`},
	{`systemfd -s localhost 3000 -- true`, `bad socket "localhost": no port`, `systemfd -s localhost:3000 -- true`},
	{`systemfd -s 3000,3001 -- true`, `bad socket "3000,3001": it says more than one socket`, `systemfd -s 3000 -s 3001 -- true`},
	{`systemfd -s '3000 3001' -- true`, `bad socket "3000 3001": it says more than one socket`, `systemfd -s 3000 -s 3001 -- true`},
	{`systemfd -s http::3000,https::3001 -- true`, `bad socket "http::3000,https::3001": it says more than one socket`, `systemfd -s http::3000 -s https::3001 -- true`},
	{`systemfd -s 3000-3001 -- true`, `bad socket "3000-3001": it says more than one socket`, `systemfd -s 3000 -s 3001 -- true`},
	{`systemfd -s 3000 -s 3000 -- true`, `127.0.0.1:3000 is given twice`, `systemfd -s 3000 -- true`},
	{`systemfd -s http::3000 -s web=tcp::127.0.0.1:3000 -- true`, `127.0.0.1:3000 is given twice`, `systemfd -s http::3000 -- true`},
	{`systemfd -s :3000 -s 3000 -- true`, `[::]:3000 is every address, 127.0.0.1:3000 too`, `systemfd -s :3000 -- true`},
	{`systemfd -s ./app.sock -s "$PWD/app.sock" -- true`, `DIR/app.sock is given twice`, `systemfd -s ./app.sock -- true`},
	{`systemfd -s '~/app.sock' -- true`, `bad socket "~/app.sock": ~ was not expanded: a shell does that only at the beginning of an unquoted word`, `systemfd -s DIR/app.sock -- true`},
	{`systemfd -s unix::~/app.sock -- true`, `bad socket "unix::~/app.sock": ~ was not expanded: a shell does that only at the beginning of an unquoted word`, `systemfd -s unix::DIR/app.sock -- true`},
	{`systemfd -s . -- true`, `bad socket ".": no port`, `write tcp::3000, tcp::127.0.0.1:3000 or tcp::[::1]:3000`},
	{`systemfd -s ./ -- true`, `"DIR/./" exists and is a directory, not a socket`, `systemfd -s ./app.sock -- true`},
	{`systemfd -s ./server -- true`, `"DIR/server" exists and is a file, not a socket`, `systemfd -s ./server.sock -- true`},
	{`systemfd -s app.socket -- true`, `bad socket "app.socket": no port`, `it is a unit: systemfd -u app.socket -- true`},
	{`systemfd -s ./app.socket -- true`, `"DIR/app.socket" exists and is a file, not a socket`, `it is a unit: systemfd -u ./app.socket -- true`},
	{`systemfd -s -1 -- true`, `bad socket "-1": port "-1" is not a number from 0 to 65535`, `0 stands for any free port`},
	{`systemfd -s 70000 -- true`, `bad socket "70000": port "70000" is not a number from 0 to 65535`, `0 stands for any free port`},

	// values
	{`systemfd -s -- ./server`, `--socket needs a value`, `systemfd -s http::3000 -- ./server`},
	{`systemfd -s "$NOTHING" -- ./server`, `--socket needs a value`, `systemfd -s http::3000 -- ./server`},
	{`systemfd -s -p 3000 -- ./server`, `--socket needs a value`, `systemfd -s 3000 -- ./server`},
	{`systemfd -s 3000 -b -5 -- true`, `--backlog "-5" is not a number of connections from 1 to 2147483647`, `systemfd -s 3000 -b 4096 -- true`},
	{`systemfd -s 3000 -b many -- true`, `--backlog "many" is not a number of connections from 1 to 2147483647`, `systemfd -s 3000 -b 4096 -- true`},
	{`systemfd -s 3000 --backlog=0 -- true`, `--backlog "0" is not a number of connections from 1 to 2147483647`, `systemfd -s 3000 --backlog 4096 -- true`},
	{`systemfd --mode -s ./app.sock -- true`, `--mode needs a value`, `systemfd --mode 0660 -s ./app.sock -- true`},
	{`systemfd --mode rw -s ./app.sock -- true`, `--mode "rw" is not octal permission bits`, `systemfd --mode 0660 -s ./app.sock -- true`},
	{`systemfd --mode 0o600 -s ./app.sock -- true`, `--mode "0o600" is not octal permission bits`, `systemfd --mode 600 -s ./app.sock -- true`},
	{`systemfd --pid=5 -s 3000 -- true`, `--pid takes no value`, `systemfd --pid -s 3000 -- true`},
	{`systemfd --pid 5 -s 3000 -- true`, `--pid takes no value`, `systemfd --pid -s 3000 -- true`},
	{`systemfd --hold yes -s 3000 -- true`, `--hold takes no value`, `systemfd --hold -s 3000 -- true`},
	{`systemfd --color yes -s 3000 -- true`, `--color "yes" is not auto, always or never`, `systemfd --color always -s 3000 -- true`},
	{`systemfd --color=maybe -s 3000 -- true`, `--color "maybe" is not auto, always or never`, `systemfd --color auto -s 3000 -- true`},
	{`systemfd --info-file -s 3000 -- true`, `--info-file needs a value`, `systemfd --info-file sockets.json -s 3000 -- true`},
	{`systemfd -u app -- true`, `cannot read unit "app": no such file or directory`, `systemfd -u app.socket -- true`},
	{`systemfd -u app.service -- true`, `cannot read unit "app.service": no such file or directory`, `systemfd -u app.socket -- true`},
	{`systemfd -u ap.socket -- true`, `cannot read unit "ap.socket": no such file or directory`, `systemfd -u app.socket -- true`},
	{`systemfd -u http::3000 -- true`, `cannot read unit "http::3000": no such file or directory`, `systemfd -s http::3000 -- true`},
	{`systemfd -u app.socket --map 3002 3003 -- true`, `--map "3002" is not FROM=TO`, `systemfd -u app.socket --map 3002=3003 -- true`},
	{`systemfd -u app.socket --map 3002:3003 -- true`, `--map "3002:3003" is not FROM=TO`, `systemfd -u app.socket --map 3002=3003 -- true`},
	{`systemfd -u app.socket --map 3002=http::3003 -- true`, `app.socket: bad socket "tcp::http::3003": an IPv6 address needs brackets`, `systemfd -u app.socket --map 3002=3003 -- true`},
	{`systemfd --map 3002=3003 -- true`, `--map changes what a unit says, and there is no --unit`, `systemfd --map 3002=3003 -u app.socket -- true`},
	{`systemfd -u /bin/sh -- true`, `cannot read unit "/bin/sh": it is no text`, ``},

	// flags that there are not
	{`systemfd --sokcet 3000 -- true`, `unknown flag "--sokcet"`, `systemfd -s 3000 -- true`},
	{`systemfd -S 3000 -- true`, `unknown flag "-S"`, `systemfd -s 3000 -- true`},
	{`systemfd -socket http::3000 -- true`, `unknown flag "-socket"`, `systemfd --socket http::3000 -- true`},
	{`systemfd -quiet -s 3000 -- true`, `unknown flag "-quiet"`, `systemfd --quiet -s 3000 -- true`},
	{`systemfd --non-block -s 3000 -- true`, `unknown flag "--non-block"`, `systemfd --nonblock -s 3000 -- true`},
	{`systemfd --reuse_port -s 3000 -- true`, `unknown flag "--reuse_port"`, `systemfd --reuse-port -s 3000 -- true`},
	{`systemfd --no-quiet -s 3000 -- true`, `unknown flag "--no-quiet"`, `systemfd -s 3000 -- true`},
	{`systemfd -qx -s 3000 -- true`, `unknown flag "-x"`, `systemfd --help lists the flags`},
	{`systemfd -help`, `unknown flag "-help"`, `systemfd --help`},
	{`systemfd -version`, `unknown flag "-version"`, `systemfd --version`},
	{`systemfd -v`, `unknown flag "-v"`, `--version is -V: systemfd -V`},
	{`systemfd -v -s 3000 -- true`, `unknown flag "-v"`, `--version is -V: systemfd -s 3000 -- true`},
	{`systemfd -?`, `unknown flag "-?"`, `systemfd -h`},
	{`systemfd -p 3000 -- true`, `unknown flag "-p"`, `systemfd -s 3000 -- true`},
	{`systemfd -p3000 ./server`, `unknown flag "-p"`, `systemfd -s 3000 -- ./server`},
	{`systemfd --port=3000 ./server`, `unknown flag "--port"`, `systemfd -s 3000 -- ./server`},
	{`systemfd --port 3000 --host localhost -- true`, `unknown flag "--port"`, `systemfd -s localhost:3000 -- true`},
	{`systemfd --host=::1 --port=3000 -- true`, `unknown flag "--host"`, `systemfd -s '[::1]:3000' -- true`},
	{`systemfd --bind 127.0.0.1:3000 -- true`, `unknown flag "--bind"`, `systemfd -s 127.0.0.1:3000 -- true`},
	{`systemfd --http 3000 --unix ./app.sock -- true`, `unknown flag "--http"`, `systemfd -s http::3000 -s unix::./app.sock -- true`},
	{`systemfd --unix-socket app.sock -- true`, `unknown flag "--unix-socket"`, `systemfd -s ./app.sock -- true`},
	{`systemfd --type http -s 3000 -- true`, `unknown flag "--type"`, `systemfd -s http::3000 -- true`},
	{`systemfd --name web -s 3000 -- true`, `unknown flag "--name"`, `systemfd -s web=3000 -- true`},
	{`systemfd -l 3000 -d --fdname=dns -E A=b -E PATH --now ./server`, `unknown flag "-l"`, `systemfd -s dns=udp:::3000 -- env A=b ./server`},
	{`systemfd -c './server --flag' -s 3000`, `unknown flag "-c"`, `systemfd -s 3000 -- ./server --flag`},
	{`systemfd --daemon -s 3000 -- true`, `unknown flag "--daemon"`, `a shell starts it in the background if the line ends in &: systemfd -s 3000 -- true`},
	{`systemfd --watch -s 3000 -- true`, `unknown flag "--watch"`, `a watcher is the command: systemfd -s http::3000 -- cargo watch -x run`},
	{`systemfd --json`, `unknown flag "--json"`, `systemfd status --json`},
	{`systemfd --json -s 3000 -- true`, `unknown flag "--json"`, `systemfd --info-file - -s 3000 -- true`},
	{`systemfd --all`, `unknown flag "--all"`, `systemfd stop --all`},
	{`systemfd --unset`, `unknown flag "--unset"`, `eval "$(systemfd env --unset)"`},
	{`systemfd --owner 1 -s 3000 -- ./server`, `unknown flag "--owner"`, `eval "$(systemfd env --owner 1 -s 3000)"; systemfd -- ./server`},

	// together without a meaning
	{`systemfd -s 3000 --mode 0600 -- true`, `--mode is for unix sockets, and none is to be opened`, `leave it out: systemfd -s 3000 -- true`},
	{`systemfd -s ./app.sock --reuse-port -- true`, `--reuse-port is for TCP and UDP sockets, and none is to be opened`, `leave it out: systemfd -s ./app.sock -- true`},
	{`systemfd -s udp::3000 --accept -- true`, `--accept cannot accept on 127.0.0.1:3000 (udp)`, `datagrams come without a connection: systemfd -s udp::3000 -- true`},
	{`systemfd --inetd -- true`, `--inetd has no socket to put on stdin`, `give it one: systemfd --inetd -s http::3000 -- true`},

	// env
	{`systemfd env 3000`, `unexpected argument "3000"`, `put "-s" before each socket: eval "$(systemfd env -s 3000)"`},
	{`systemfd env -s http:3000`, `bad socket "http:3000": "http" is followed by two colons`, `eval "$(systemfd env -s http::3000)"`},
	{`systemfd env fish -s 3000`, `unexpected argument "fish"`, `systemfd env --shell fish -s 3000 | source`},
	{`systemfd env bash`, `unexpected argument "bash"`, `eval "$(systemfd env --shell bash -s http::3000)"`},
	{`systemfd env -s 3000 --shell /bin/bash`, `unknown shell "/bin/bash"`, `eval "$(systemfd env -s 3000 --shell bash)"`},
	{`systemfd env -s 3000 --shell "$NOTHING"`, `--shell needs a value`, `eval "$(systemfd env -s 3000)"`},
	{`systemfd env -s 3000 --shell zshh`, `unknown shell "zshh"`, `eval "$(systemfd env -s 3000 --shell zsh)"`},
	{`systemfd env -s 3000 -- ./server`, `unexpected argument "./server"`, `eval "$(systemfd env -s 3000)"; systemfd -- ./server`},
	{`systemfd env -s 3000 ./server`, `unexpected argument "./server"`, `put "--" before the command: eval "$(systemfd env -s 3000)"; systemfd -- ./server`},
	{`systemfd env --hold -s 3000`, `unknown flag "--hold"`, `eval "$(systemfd env -s 3000)"`},
	{`systemfd env --nonblock -s 3000 -- ./server`, `unknown flag "--nonblock"`, `eval "$(systemfd env -s 3000)"; systemfd --nonblock -- ./server`},
	{`systemfd env --owner 0 -s 3000`, `--owner "0" is not a process ID`, `eval "$(systemfd env -s 3000)"`},
	{`systemfd env --name '' -s 3000`, `--name needs a value`, `eval "$(systemfd env --name my-project -s 3000)"`},
	{`systemfd env --unset -s 3000`, `--unset opens nothing`, `leave the rest out: eval "$(systemfd env --unset)"`},
	{`systemfd env --name web`, `there is nothing to keep open`, `give it one: eval "$(systemfd env --name web -s http::3000)"`},
	{`systemfd env -s 3000 --json --shell fish`, `--json is the same for every shell`, `leave --shell out: systemfd env -s 3000 --json | cat`},
	{`systemfd env -s 3000 -s 3000`, `127.0.0.1:3000 is given twice`, `eval "$(systemfd env -s 3000)"`},
	{`systemfd env`, `this shell was started without sockets`, `say which to keep open: eval "$(systemfd env -s http::3000)"`},

	// COMMAND
	{`systemfd -s 3000 -- no-such-program`, `cannot run "no-such-program": not found in PATH`, ``},
	{`systemfd -s 3000 -- server --flag`, `cannot run "server": not found in PATH`, `systemfd -s 3000 -- ./server --flag`},
	{`systemfd -s 3000 -- bin/server`, `cannot run "bin/server": no such file or directory`, `systemfd -s 3000 -- ./server`},
	{`systemfd -s 3000 -- ./sever`, `cannot run "./sever": no such file or directory`, `systemfd -s 3000 -- ./server`},
	{`systemfd -s 3000 -- ./true`, `cannot run "./true": no such file or directory`, `systemfd -s 3000 -- true`},
	{`systemfd -s 3000 -- './server --flag'`, `cannot run "./server --flag": no such file or directory`, `it is quoted as one word: systemfd -s 3000 -- ./server --flag`},
	{`systemfd -s 3000 -- 'A=b ./server'`, `cannot run "A=b ./server": no such file or directory`, `it is quoted as one word: systemfd -s 3000 -- env A=b ./server`},
	{`systemfd -s 3000 -- 'cd / && true'`, `cannot run "cd / && true": no such file or directory`, `it is quoted as one word: systemfd -s 3000 -- sh -c 'cd / && exec true'`},
	{`systemfd -s 3000 -- A=b ./server`, `cannot run "A=b": not found in PATH`, `env sets variables: systemfd -s 3000 -- env A=b ./server`},
	{`systemfd -s 3000 -- ulimit -n 100`, `cannot run "ulimit": not found in PATH`, `ulimit is part of the shell: systemfd -s 3000 -- sh -c 'ulimit -n 100 && exec ./server'`},
	{`systemfd -s 3000 -- exec ./server`, `cannot run "exec": not found in PATH`, `exec is part of the shell: systemfd -s 3000 -- ./server`},
	{`systemfd -s 3000 -- -- ./server`, `cannot run "--": not found in PATH`, `systemfd -s 3000 -- ./server`},
	{`systemfd -s 3000 -- script.sh`, `cannot run "script.sh": not found in PATH`, `systemfd -s 3000 -- sh script.sh`},
	{`systemfd -s 3000 -- ./script.sh --flag`, `cannot run "./script.sh": permission denied`, `systemfd -s 3000 -- sh ./script.sh --flag`},
	{`systemfd -s 3000 -- ./program`, `cannot run "./program": permission denied`, `make it executable: chmod +x ./program`},
	{`systemfd -- -s 3000`, `cannot run "-s": not found in PATH`, `flags of systemfd go before "--": systemfd -s 3000 -- ./server`},
	{`systemfd -- -s 3000 ./server`, `cannot run "-s": not found in PATH`, `flags of systemfd go before "--": systemfd -s 3000 -- ./server`},
	{`systemfd -q -- http::3000 ./server`, `cannot run "http::3000": not found in PATH`, `put "-s" before each socket: systemfd -q -s http::3000 -- ./server`},
	{`systemfd -- status`, `cannot run "status": not found in PATH`, `systemfd status`},
	{`systemfd -- app.socket`, `cannot run "app.socket": not found in PATH`, `put "-u" before a unit: systemfd -u app.socket -- ./server`},
	{`systemfd -- ''`, `cannot run "": not found in PATH`, `COMMAND is empty: is a variable in that line not set?`},
}

// isNotRun are hints whose line does not succeed here: a sample of a program, and what reports that there is nothing.
var isNotRun = regexp.MustCompile(`cargo|systemfd inspect`)

// TestHints types each line, and then the line in the hint, which works.
func TestHints(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "fish")
	for start := range hintTests[:min(8, len(hintTests))] {
		t.Run(fmt.Sprint(start), func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			p.Env = append(p.Env, "HOME="+p.Dir)
			for i := start; i < len(hintTests); i += 8 {
				checkHint(p, hintTests[i].line, hintTests[i].error, hintTests[i].hint)
			}
		})
	}
}

func checkHint(p *testkit.Project, line, problem, hint string) {
	t, ports := p.T, anyPorts()
	t.Helper()
	p.Write("server", "#!/bin/sh\nexit 0\n")
	p.Write("program", "#!/bin/sh\n")
	p.Write("script.sh", "exit 0\n")
	p.Write("app.socket", "[Socket]\nListenStream="+ports.Replace("127.0.0.1:3002")+"\n")
	if err := os.Chmod(p.Path("server"), 0o755); err != nil {
		t.Fatal(err)
	}
	want := "error: " + problem + "\n"
	if hint != "" {
		want += "hint: " + hint + "\n"
	}
	got := testkit.Finish(t, p.Command("sh", "-c", ports.Replace(line)))
	if said := ports.restore(strings.ReplaceAll(got.Err, p.Dir, "DIR")); said != want || got.Status == 0 {
		t.Errorf("%s: exit %d, it says\n%swant\n%s", line, got.Status, said, want)
	}
	if typed := lineOf(hint); typed != "" && !isNotRun.MatchString(typed) {
		typed = strings.ReplaceAll(ports.Replace(typed), "DIR", p.Dir)
		shell := "sh"
		if strings.Contains(typed, "| source") {
			shell = "fish"
		}
		if got := testkit.Finish(t, p.Command(shell, "-c", typed)); got.Status != 0 || strings.Contains(got.Err, "error: ") {
			t.Errorf("%s: the hint %q ends with %d: %s", line, typed, got.Status, got.Err)
		}
	}
	if strings.Contains(hint, "env") || strings.Contains(hint, "hold") {
		p.Stop()
	}
	for _, path := range testkit.LeftIn(p.Dir) { // COMMAND would remove it
		os.Remove(path)
	}
}

// lineOf returns the line in a hint, between advice and what else it may mean; "" if it has none.
func lineOf(hint string) string {
	for _, part := range strings.SplitAfter(hint, ": ") {
		if regexp.MustCompile("^(systemfd|eval|chmod) ").MatchString(part) {
			_, rest, _ := strings.Cut(hint, part)
			line, _, _ := strings.Cut(part+rest, "; to run a program of that name: ")
			return strings.TrimSuffix(line, " lists the flags")
		}
	}
	return ""
}

// fourPorts are four ports in a row.
type fourPorts struct {
	*strings.Replacer
	back *strings.Replacer
}

// anyPorts returns ports that are free at 127.0.0.1. They are no ports that the kernel, or --proxy, would pick for another test.
func anyPorts() fourPorts {
	for {
		first := 10000 + rand.N(9000)
		var there, back []string
		isFree := true
		for i := range 4 {
			port := fmt.Sprint(first + i)
			isFree = isFree && testkit.IsFree("127.0.0.1:"+port) && testkit.IsFree(":"+port)
			there, back = append(there, fmt.Sprint(3000+i), port), append(back, port, fmt.Sprint(3000+i))
		}
		if isFree {
			return fourPorts{strings.NewReplacer(there...), strings.NewReplacer(back...)}
		}
	}
}

func (p fourPorts) restore(text string) string { return p.back.Replace(text) }
