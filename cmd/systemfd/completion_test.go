//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/completions"
	"github.com/systemfd/systemfd/internal/cli"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// completed is what every shell offers at the end of a line, in any order. Below all of them is a project with the directory
// sub, the files app.socket, other.txt, "two words.txt", sub/serve and sub/other, the holder "shared" with two sockets called web and one
// called shared, and the program frob, whose own completion says alpha and beta.
var completed = []struct{ line, want string }{
	// words
	{"systemfd ", "-- completion env help inspect port status stop url version"},
	{"systemfd st", "status stop"},
	{"systemfd -q ", "--"},
	{"systemfd -q st", ""},
	{"systemfd completion ", "bash fish nushell powershell zsh"},
	{"systemfd completion zsh z", ""},
	{"systemfd help s", "status stop"},
	{"systemfd status --", "--help --json"},
	{"systemfd --", flagWords("", "--") + " --"},
	{"systemfd env ", flagWords("env", "-")},
	{"systemfd status ", "--help --json -h"},
	{"systemfd status --json ", "--help -h"},

	// flags, once
	{"systemfd --no-", "--no-pid --no-reuse"},
	{"systemfd --pid --no-", "--no-reuse"},
	{"systemfd --no-pid --pi", ""},
	{"systemfd -q --q", ""},
	{"systemfd --color auto --co", ""},
	{"systemfd --color=auto --co", ""},
	{"systemfd -s http::0 --so", "--socket"},
	{"systemfd env -s http::0 --s", "--shell --socket"},

	// their values
	{"systemfd --color ", "always auto never"},
	{"systemfd --color=", "--color=always --color=auto --color=never"},
	{"systemfd --color=al", "--color=always"},
	{"systemfd --backlog ", ""},
	{"systemfd env --shell p", "powershell pwsh"},
	{"systemfd --mode 06", "0600 0660 0666"},
	{"systemfd --unit ", "app.socket sub/"},
	{"systemfd --unit=a", "--unit=app.socket"},
	{"systemfd --info-file o", "other.txt"},
	{"systemfd --info-file=./s", "--info-file=./sub/"},
	{"systemfd --map 80=./o", "80=./other.txt"},
	{"systemfd --map ", ""},
	{"systemfd --unit=app.socket --map ", "/run/app.sock= 127.0.0.1:9= 80="},
	{"systemfd env -s web=0 -u app.socket --map 80=1 --map ", "/run/app.sock= 127.0.0.1:9="},
	{"systemfd -uapp.socket --map=12", "--map=127.0.0.1:9="},

	// specifications
	{"systemfd -s ", "http:: https:: tcp:: udp:: unix-dgram:: unix-seqpacket:: unix::"},
	{"systemfd -s u", "udp:: unix-dgram:: unix-seqpacket:: unix::"},
	{"systemfd --socket=ht", "--socket=http:: --socket=https::"},
	{"systemfd -s web=ht", "web=http:: web=https::"},
	{"systemfd --socket=web=t", "--socket=web=tcp::"},
	{"systemfd -s http::", ""},
	{"systemfd -s unix::o", "unix::other.txt"},
	{"systemfd -s unix::./s", "unix::./sub/"},
	{"systemfd -s web=unix-dgram::./s", "web=unix-dgram::./sub/"},
	{"systemfd --socket=web=unix::s", "--socket=web=unix::sub/"},
	{"systemfd -s ./s", "./sub/"},

	// what is kept open
	{"systemfd stop ", "shared web"},
	{"systemfd stop shared ", "web"},
	{"systemfd stop web shared ", ""},
	{"systemfd url ", "shared web"},
	{"systemfd --only web --only ", "shared"},
	{"systemfd env --name s", "shared"},
	{"systemfd env --name=", "--name=shared"},

	// the command's own
	{"systemfd -s http::0 -- fro", "frob"},
	{"systemfd -s http::0 -- ./sub/s", "./sub/serve"},
	{"systemfd -s web=http::0 -- frob ", "alpha beta"},
	{"systemfd -s http::0 -- frob alpha b", "beta"},
	{"systemfd -s 0 --proxy -- frob {p", "{port}"},
	{"systemfd -- systemfd -s web=ht", "web=http:: web=https::"},
}

// flagWords are the spellings of the flags of a form that begin so, in order.
func flagWords(form, prefix string) string {
	var words []string
	for _, f := range cli.Forms() {
		for _, flag := range f.Model.Flags {
			if f.Name != form || flag.Hidden {
				continue
			}
			words = append(words, "--"+flag.Name)
			if flag.Short != 0 {
				words = append(words, "-"+string(flag.Short))
			}
			if flag.Tag.Negatable != "" {
				words = append(words, "--no-"+flag.Name)
			}
		}
	}
	words = slices.DeleteFunc(words, func(word string) bool { return !strings.HasPrefix(word, prefix) })
	slices.Sort(words)
	return strings.Join(words, " ")
}

// completionProject is a project with what the lines of completed need.
func completionProject(t *testing.T) *testkit.Project {
	t.Helper()
	p := testkit.NewProject(t)
	if err := os.Mkdir(p.Path("sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"other.txt", "two words.txt"} {
		p.Write(name, "")
	}
	p.Write("app.socket", "[Socket]\nListenStream=80\nListenDatagram=80\nListenStream=/run/app.sock\nListenStream=127.0.0.1:9\n")
	for _, path := range []string{p.Path("sub/serve"), p.Path("sub/other"), filepath.Join(p.Home, "frob")} {
		writeProgram(t, path, "#!/bin/sh\n")
	}
	p.Env = append(p.Env, "PATH="+p.Home+":"+os.Getenv("PATH"), "HISTFILE=", "COLUMNS=120")
	pid, _ := testkit.Owner(t)
	p.Env = append(p.Env, p.MustKeep(pid, "--name", "shared", "-s", "web=http::0", "-s", "web=udp::0", "-s", "shared=http::0")[len(p.Env):]...)
	return p
}

// script returns the path of the script for a shell.
func completionScript(t *testing.T, shell string) string {
	t.Helper()
	i := slices.IndexFunc(completions.All(), func(s completions.Script) bool { return s.Shell == shell })
	path, err := filepath.Abs(filepath.Join("..", "..", "completions", completions.All()[i].File))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// completionOfPage returns the lines of docs/shell-hooks.md that have a shell complete systemfd.
func completionOfPage(t *testing.T, shell string) []string {
	t.Helper()
	row := regexp.MustCompile(`(?m)^\| ` + shell + " \\| (.*systemfd completion .*) \\| .* \\|$").FindStringSubmatch(page(t, "docs/shell-hooks.md"))
	if row == nil {
		t.Fatalf("docs/shell-hooks.md has no line for %s", shell)
	}
	var lines []string
	for _, line := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(row[1], -1) {
		lines = append(lines, strings.ReplaceAll(line[1], `\|`, "|"))
	}
	return lines
}

// checkCompleted compares what complete says with completed.
func checkCompleted(t *testing.T, complete func(line string) []string) {
	t.Helper()
	for _, c := range completed {
		got := complete(c.line)
		slices.Sort(got)
		want := strings.Fields(c.want)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", c.line, got, want)
		}
	}
}

// checkOwners looks at the processes that are offered: the shell is among them, before other programs if they are in order, and no
// kernel thread is.
func checkOwners(tab *typist, isOrdered bool) {
	tab.T.Helper()
	got := tab.candidates("systemfd env --owner ", " ")
	own, other := slices.Index(got, fmt.Sprint(tab.PID)), slices.Index(got, fmt.Sprint(os.Getpid()))
	if own < 0 || other < 0 || isOrdered && own > other {
		tab.T.Errorf("the processes are %q; the shell is %d, and no shell %d", got, tab.PID, os.Getpid())
	}
	for _, text := range got {
		const kthreadd = 2
		if pid, err := strconv.Atoi(text); err != nil || pid == kthreadd || process.Parent(pid) == kthreadd {
			tab.T.Errorf("%q is offered: %v", text, err)
		}
	}
}

// TestZshCompletion has the completion system insert all candidates.
func TestZshCompletion(t *testing.T) {
	t.Parallel()
	for _, source := range []bool{false, true} {
		t.Run(fmt.Sprintf("source %v", source), func(t *testing.T) {
			t.Parallel()
			tab := startZsh(t, source)
			checkOwners(tab, true)
			checkCompleted(t, func(line string) []string {
				all := tab.candidates(line, " ")
				for i, candidate := range all {
					if !strings.Contains(line, "=") { // zsh adds the = of a flag, until something else follows
						all[i] = strings.TrimSuffix(candidate, "=")
					}
				}
				return all
			})
		})
	}
}

// TestFishCompletion asks complete -C.
func TestFishCompletion(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "fish")
	p := completionProject(t)
	complete := func(line string) (all []string) {
		t.Helper()
		cmd := exec.Command("fish", "--no-config", "-c", completionOfPage(t, "fish")[0]+`; complete -c frob -x -a "alpha beta"; complete -C $argv`, line)
		p.In(cmd)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for row := range strings.Lines(string(out)) {
			candidate, _, _ := strings.Cut(strings.TrimSpace(row), "\t")
			all = append(all, candidate)
		}
		return all
	}
	checkCompleted(t, complete)
	if got := complete("systemfd env --owner "); len(got) == 0 || slices.Contains(got, "2") {
		t.Errorf("the processes are %q", got)
	}
}

// TestNushellCompletion calls the completer as nushell does.
func TestNushellCompletion(t *testing.T) {
	t.Parallel()
	nu := startNushell(t)
	var lines [][]string
	for _, c := range completed {
		lines = append(lines, strings.Split(c.line, " "))
	}
	asked, err := json.Marshal(lines)
	if err != nil {
		t.Fatal(err)
	}
	answered := nu.run(nu.script + `
$env.config.completions.external.completer = {|spans| [[value]; [alpha] [beta]] | where {|c| $c.value | str starts-with ($spans | last) } }
` + string(asked) + ` | each {|spans| nu-complete systemfd $spans | default [] | get value } | to json
`)
	var answers [][]string
	if err := json.Unmarshal([]byte(answered), &answers); err != nil {
		t.Fatal(err)
	}
	checkCompleted(t, func(line string) []string {
		return answers[slices.IndexFunc(lines, func(spans []string) bool { return strings.Join(spans, " ") == line })]
	})
}

// TestNushellScript has nushell itself read the script.
func TestNushellScript(t *testing.T) {
	t.Parallel()
	nu := startNushell(t)
	saved := completionOfPage(t, "nushell")
	nu.run(saved[1])
	text, err := os.ReadFile(filepath.Join(nu.Home, "systemfd.nu"))
	if err != nil || string(text) != nu.script || saved[0] != "source ~/systemfd.nu" {
		t.Errorf("%q saves %d bytes, %v", saved, len(text), err)
	}
	edited := nu.script + "systemfd --color=al"
	if got := nu.run(edited, "--ide-complete", fmt.Sprint(len(edited))); !strings.Contains(got, `["--color=always"]`) {
		t.Errorf("nushell itself says %q", got)
	}
	edited = nu.script + "systemfd -- cat oth" // what nushell does if a completer says null
	if got := nu.run(edited, "--ide-complete", fmt.Sprint(len(edited))); !strings.Contains(got, `["other.txt"]`) {
		t.Errorf("of a command, nushell itself says %q", got)
	}
	got := nu.run(nu.script + `nu-complete systemfd [systemfd --info-file=tw] | get value.0`)
	if strings.TrimSpace(got) != `"--info-file=two words.txt"` {
		t.Errorf("a file with a blank in its name is %s", got)
	}
	got = nu.run(nu.script + `systemfd -q -s web=http::0 --color=never -s udp::0 -- printf '%s|' a=b --help -s "c d" -- e`)
	if got != "a=b|--help|-s|c d|--|e|" {
		t.Errorf("with the script, the command gets %q", got)
	}
}

// nushellProject is a project for nushell, with the script for it.
type nushellProject struct {
	*testkit.Project
	script string
}

func startNushell(t *testing.T) nushellProject {
	t.Helper()
	testkit.Need(t, nushell(t))
	text, err := os.ReadFile(completionScript(t, "nushell"))
	if err != nil {
		t.Fatal(err)
	}
	return nushellProject{completionProject(t), string(text)}
}

// run runs nushell on a text, and returns what it prints.
func (nu nushellProject) run(text string, flags ...string) string {
	nu.T.Helper()
	nu.Write(".run.nu", text)
	got := testkit.Finish(nu.T, nu.Command(slices.Concat([]string{nushell(nu.T), "--no-config-file"}, flags, []string{".run.nu"})...))
	if got.Status != 0 {
		nu.T.Fatalf("nushell: exit %d, %s", got.Status, got.Err)
	}
	return got.Out
}

// TestPowerShellCompletion parses the script.
func TestPowerShellCompletion(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "node")
	if _, err := os.Stat(filepath.Join(npm(t), "tree-sitter-powershell")); err != nil {
		testkit.Lacks(t, "npm's tree-sitter-powershell")
	}
	cmd := exec.Command("node", "--liftoff-only", "testdata/powershell/syntax.cjs", completionScript(t, "powershell"))
	cmd.Env = append(os.Environ(), "NODE_PATH="+npm(t))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestCompletionFiles prints what is committed.
func TestCompletionFiles(t *testing.T) {
	t.Parallel()
	for _, script := range completions.All() {
		text, err := os.ReadFile(completionScript(t, script.Shell))
		if err != nil {
			t.Fatal(err)
		}
		if got := testkit.HandOff(t, nil, "completion", script.Shell); got.Out != string(text) || got.Status != 0 || got.Err != "" {
			t.Errorf("%s: exit %d, %s, %d bytes", script.Shell, got.Status, got.Err, len(got.Out))
		}
	}
}
