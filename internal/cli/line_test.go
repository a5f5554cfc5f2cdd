package cli

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// lineSeeds are lines with a mistake of each kind.
var lineSeeds = []string{
	"http::3000 ./server", "3000 3001 -- true", "-s 3000", "./server -s 3000 --hold x", "PORT=3000 ./server", "-s 0 \u2014 true", "\u2013s 0 \u2014hold - true",
	"-s 0 env", "-q --json status", "ls", "run ./server", "completions bash", "status -v x", "inspect -s 3000 --json", "stop -a -s x", "help stats", "complete",
	"-s http ::3000 -s 3000,3001 -- true", "-s=3000 -s -p 3000 -- true", "--map 80 8080 --mode rw -b -5 --pid=5 --hold yes", "-u http::3000 -u no.socket",
	"--sokcet 3000 --no-quiet -socket=1 -qx -version", "-l 80 -d --fdname=a:b -E A=b -a --now --host ::1 -t http", "-c x --json", "--owner 5 -s 3000 -- x",
	"env 3000 fish --hold --nonblock -- x", "env --shell /bin/zsh --owner 0 --unset", "-- status", "-v -? --all", "--hold= --socket= -b=5 -q=x",
}

// FuzzLine: what kong refuses, we explain, and if we show another line, kong takes it.
func FuzzLine(f *testing.F) {
	for _, seed := range lineSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if args := strings.Fields(text); len(args) > 0 {
			checkLine(t, withoutForms(args))
		}
	})
}

// TestLines checks lines of words that have nothing to do with each other.
func TestLines(t *testing.T) {
	t.Parallel()
	words := strings.Fields(strings.Join(lineSeeds, " ") + strings.Repeat(" -- -s env status inspect stop completion --help", 3))
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		args := make([]string, 1+random.IntN(6))
		for i := range args {
			args[i] = words[random.IntN(len(words))]
		}
		checkLine(t, withoutForms(args))
	}
}

func checkLine(t *testing.T, args []string) {
	t.Helper()
	l := meantLine(args)
	if err := parseLine(args); err != nil && (l.mistake == nil || l.mistake.text == "") {
		t.Fatalf("%q: nothing says %v", args, err)
	}
	if l.mistake == nil || l.isLost {
		return
	}
	form, grammar, joined := l.form, formGrammar(l.form), any(nil)
	own, other := l.flagWords(form)
	switch {
	case form == nil && len(other) > 0:
		own, other = l.flagWords(findSubcommand("env"))
		grammar, joined = new(envFlags), new(runFlags)
	case form.is("env"), form.is("inspect"):
		joined = new(runFlags)
	case len(other) > 0:
		t.Fatalf("%q is %s, and %q", args, l, other)
	}
	err := parseFlags(grammar, append(own, l.arguments...))
	if err == nil && len(other) > 0 {
		err = parseFlags(joined, other)
	}
	if err != nil {
		t.Fatalf("%q is %s, and that is wrong: %v", args, l, err)
	}
}

// parseLine reads a line as Main does.
func parseLine(args []string) error {
	form := findSubcommand(args[0])
	if form != nil {
		return parseFlags(form.grammar(), args[1:])
	}
	own, _, _ := splitCommand(args)
	return parseFlags(new(runFlags), own)
}

func formGrammar(form *subcommand) any {
	if form == nil {
		return new(runFlags)
	}
	return form.grammar()
}

// TestValues: each flag that takes a value has a row that checks it, and its example is right.
func TestValues(t *testing.T) {
	t.Parallel()
	for _, form := range Forms() {
		for _, flag := range form.Model.Flags {
			if flag.IsBool() {
				continue
			}
			known := valueOfFlag(flag.Name)
			if !slices.ContainsFunc(values[:], func(v value) bool { return v.flag == flag.Name }) {
				t.Errorf("--%s has no row", flag.Name)
			}
			if err := known.check(known.example); known.example != "" && flag.Name != "unit" && err != nil {
				t.Errorf("--%s %s: %v", flag.Name, known.example, err)
			}
		}
	}
}
