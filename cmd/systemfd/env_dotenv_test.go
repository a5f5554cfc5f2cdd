//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	spell "github.com/systemfd/systemfd/internal/shell"
	"github.com/systemfd/systemfd/internal/testkit"
)

// dotenv has only the fields for tests that do not run anything.
var dotenv = dialect{name: "dotenv"}

// readDotenv returns what each reader finds in the file .env.
func readDotenv(p *testkit.Project) map[string]map[string]string {
	p.T.Helper()
	const python = "/usr/bin/python3" // Debian's, which has Debian's packages
	testkit.Need(p.T, "node", python)
	if exec.Command(python, "-c", "import dotenv").Run() != nil {
		testkit.Lacks(p.T, "python3-dotenv")
	}
	found := map[string]map[string]string{}
	isOld := exec.Command("node", "--env-file="+os.DevNull, "-e", "").Run() != nil // before 20.6, as Debian's
	for reader, argv := range map[string][]string{
		"node":          {"node", "--env-file=.env", "-p", "JSON.stringify(process.env)"},
		"python-dotenv": {python, "-c", "import dotenv, json; print(json.dumps(dotenv.dotenv_values('.env')))"},
		"sh":            {"sh", "-c", "set -a; . ./.env; exec node -p 'JSON.stringify(process.env)'"},
	} {
		if reader == "node" && isOld {
			continue
		}
		cmd := p.Command(argv...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "x=y"}
		got := testkit.Finish(p.T, cmd)
		var variables map[string]string
		if err := json.Unmarshal([]byte(got.Out), &variables); err != nil {
			p.T.Fatalf("%s: %v, %s", reader, err, got.Err)
		}
		found[reader] = variables
	}
	return found
}

// checkDotenv wants every reader to find the same in the file .env.
func checkDotenv(p *testkit.Project, want map[string]string) {
	p.T.Helper()
	for reader, found := range readDotenv(p) {
		for name, value := range want {
			if got, ok := found[name]; got != value || !ok {
				p.T.Errorf("%s reads %s as %q, want %q, of\n%s", reader, name, got, value, p.Read(".env"))
			}
		}
	}
}

var dotenvValues = []string{
	"", "plain", "a b", " a ", "\u00fcn\u00ef \u2019", "it's", `say "it"`, "$HOME", "$x y", "`id`", "$(id)", `back\slash`, `\n`, "#", "a#b", "a # b",
	"~", "a:~root", "*", "a=b", "=", "%41", "{a,b}", "!x", "&|;<>()", "unix=unix::/tmp/a.sock~mode=0600,tcp=tcp::127.0.0.1:80", "it's #1",
}

// TestDotenvValues has each reader read every value that can be written.
func TestDotenvValues(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	lines, want := "", map[string]string{}
	s, _ := spell.Lookup("dotenv")
	for i, value := range dotenvValues {
		name := fmt.Sprint("VALUE_", i)
		if !spell.DotenvHolds(value) {
			t.Errorf("%q cannot be written", value)
		}
		lines += s.Set(name, value) + "\n"
		want[name] = value
	}
	p.Write(".env", lines)
	checkDotenv(p, want)
}

// TestDotenv has each reader read what systemfd env --shell dotenv prints: the same as --json.
func TestDotenv(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	t.Cleanup(p.Stop)
	p.Env = append(p.Env, "LISTEN_PIDFDID=7") // a variable to be unset has no line
	p.Write("app.socket", "[Socket]\nListenStream=127.0.0.1:80\nFileDescriptorName=it's #1\n")
	args := []string{"env", "-q", "--owner", fmt.Sprint(os.Getpid()), "-s", "./" + nasty, "-u", "app.socket", "--map", "127.0.0.1:80=127.0.0.1:0"}
	var want map[string]string
	if err := json.Unmarshal([]byte(p.Run(append(args, "--json")...).Out), &want); err != nil {
		t.Fatal(err)
	}
	delete(want, "LISTEN_PIDFDID")
	got := p.Run(append(args, "--shell", "dotenv")...)
	if got.Status != 0 || got.Err != "" || strings.Count(got.Out, "\n") != len(want) {
		t.Fatalf("exit %d, %s%s", got.Status, got.Out, got.Err)
	}
	p.Write(".env", got.Out)
	checkDotenv(p, want)

	// systemfd -- gets them, in a shell that has read the file
	testkit.Says(t, testkit.Finish(t, p.Command("sh", "-c", "set -a; . ./.env; systemfd -- probe")).Out, "env LISTEN_FDNAMES=unix:it's #1")
}

// TestDotenvFails prints nothing, and opens nothing.
func TestDotenvFails(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	p.Write("app.socket", "[Socket]\nListenStream=127.0.0.1:80\nFileDescriptorName=it's $HOME\n")
	for _, test := range []struct {
		flags, err string
		status     int
	}{
		{"--unset", `error: --unset is for shells: an env file cannot unset variables\nhint: remove the file, .*: systemfd stop`, 2},
		{"", `error: an env file cannot pass descriptors on\nhint: keep sockets open: systemfd env -s http::3000 --shell dotenv >\.env`, 2},
		{"-s http::0 --bogus", `error: unknown flag "--bogus"\nhint: .*`, 2},
		{"-s ./nowhere/a.sock", `error: .*nowhere.*(\nhint: .*)?`, 1},
		{"-u app.socket", `error: the readers of env files would differ on the name "it's \$HOME"\nhint: --json has it, and --no-listen leaves it out`, 1},
	} {
		got := p.Run(append([]string{"env", "--shell", "dotenv"}, strings.Fields(test.flags)...)...)
		if got.Out != "" || got.Status != test.status || !regexp.MustCompile(`\A`+test.err+`\n\z`).MatchString(got.Err) {
			t.Errorf("%q: exit %d, %q, %s", test.flags, got.Status, got.Out, got.Err)
		}
	}
	p.AwaitNothing()
}
