#!/bin/sh
# Records the pictures of docs/ from the program itself: make pictures. It needs Go, asciinema, tmux, entr, python3 and npx.
set -eu
docs=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
export XDG_RUNTIME_DIR="$dir/run" PATH="$dir/bin:$PATH" TERM=xterm-256color npm_config_update_notifier=false
unset TMUX NO_COLOR
trap 'tmux -L pictures kill-server 2>/dev/null || :; systemfd stop --all >/dev/null 2>&1 || :; rm -rf "$dir"' EXIT
mkdir -m 700 "$dir/run" "$dir/app"
(cd "$docs/.." && go build -o "$dir/bin/systemfd" ./cmd/systemfd)
export npm_config_cache="$HOME/.npm" HOME="$dir"
cp "$docs/../examples/python/server.py" "$dir/app"
cd "$dir/app"

# record NAME ROWS SECONDS [OPTION...]: records the terminal, while types types into its panes, as docs/NAME.svg.
record() {
	(sleep "$3" && tmux -L pictures kill-server) &
	asciinema rec -q --overwrite --cols 116 --rows "$2" -c "tmux -L pictures attach" "$dir/$1.cast" </dev/null >/dev/null
	sed -i '/\[?1049l/,$d' "$dir/$1.cast" # the end of tmux
	name=$1
	shift 3
	npx --yes svg-term-cli@2.1.1 --in "$dir/$name.cast" --out "$docs/$name.svg" --window --no-cursor "$@"
}

# types PANE LINE: types a line after a moment, as a person does.
types() {
	sleep 1.5
	tmux -L pictures send-keys -t "$1" -l "$2"
	sleep 0.7
	tmux -L pictures send-keys -t "$1" Enter
}

# open ROWS: one pane with a shell.
open() {
	tmux -L pictures -f /dev/null new -d -x 116 -y "$1" "PS1='$ ' sh"
	tmux -L pictures set -g status off
}

open 15
tmux -L pictures split-window -h "PS1='$ ' sh"
{
	types :.0 'ls *.py | systemfd -s http::3000 -- entr -nr python3 server.py'
	types :.1 'while sleep 0.3; do curl -s 127.0.0.1:3000; done'
	for _ in 1 2 3; do
		sleep 2
		touch server.py
	done
} &
record watcher 15 13

open 12
{
	types : 'eval "$(systemfd env -s web=http::3000 -s api=http::4000 -s ./app.sock)"'
	sleep 1 && tmux -L pictures new-window -d 'systemfd -q --only web -- python3 server.py'
	types : 'systemfd status'
} &
record status 12 10 --at 60000 # as it is at the end
