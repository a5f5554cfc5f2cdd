//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// dialect is the syntax of a family of shells.
type dialect struct {
	name    string // what --shell takes; "" for one that reads --json
	eval    string // evaluate what systemfd env prints; %s is for its flags
	word    string // the variable SPEC as one word
	command string // what stands before a command
	into    string // what stands before a file for its output
	status  string // say the status of the last command
	fail    string // what systemfd env prints if it fails
}

var (
	quoted   = dialect{"sh", `eval "$(systemfd env %s)"`, `"$SPEC"`, "", " >", `echo "status $?"`, "false;"}
	unquoted = dialect{"sh", `eval $(systemfd env %s)`, `"$SPEC"`, "", " >", `echo "status $?"`, "false;"}
	fish     = dialect{"fish", "systemfd env --shell fish %s | source", `"$SPEC"`, "", " >", `echo "status $status"`, "false;"}
	csh      = dialect{"csh", "eval `systemfd env --shell csh %s`", `"$SPEC:q"`, "", " >", `echo "status $status"`, "false;"}
	xonsh    = dialect{"xonsh", "execx($(systemfd env --shell xonsh %s))", "@($SPEC)", "", " > ", "echo status 0", "raise RuntimeError('systemfd env failed');"}
	elvish   = dialect{"elvish", "eval (systemfd env --shell elvish %s | slurp)", "$E:SPEC", "", " > ", "echo status 0", "fail 'systemfd env failed';"}
	nu       = dialect{"", "systemfd env --json %s | from json | load-env", "$env.SPEC", "^", " o> ", `^echo "status 0"`, ""} // or it has ended
)

func (d dialect) evaluate(flags string) string { return fmt.Sprintf(d.eval, flags) + "\n" }

// succeeds is evaluate, and the status of that to a file.
func (d dialect) succeeds(flags, file string) string {
	return d.evaluate(flags) + d.status + d.into + file + "\n"
}

func (d dialect) output(command, file string) string {
	return d.command + command + d.into + file + "\n"
}

// env is systemfd env as a command that prints for this dialect.
func (d dialect) env(flags string) string {
	if d.name == "" {
		return "systemfd env --json " + flags
	}
	return "systemfd env --shell " + d.name + " " + flags
}

// shell is a real shell, and what to set in it first.
type shell struct {
	name string
	argv []string
	dialect
	setup string
}

var shells = []shell{
	{"bash", []string{"bash"}, quoted, "set -eu"},
	{"bash unquoted", []string{"bash"}, unquoted, "set -eu"},
	{"bash nullglob", []string{"bash"}, unquoted, "set -eu; shopt -s nullglob"},
	{"bash failglob", []string{"bash"}, unquoted, "set -eu; shopt -s failglob"},
	{"bash posix pipefail", []string{"bash", "--posix"}, quoted, "set -euo pipefail"},
	{"dash", []string{"dash"}, quoted, "set -eu"},
	{"dash unquoted", []string{"dash"}, unquoted, "set -eu"},
	{"zsh", []string{"zsh", "-f"}, quoted, "set -eu"},
	{"zsh unquoted", []string{"zsh", "-f"}, unquoted, "set -eu"},
	{"zsh of many options", []string{"zsh", "-f"}, unquoted, "set -eu; setopt extendedglob globsubst magicequalsubst"},
	{"ksh", []string{"ksh"}, quoted, "set -eu"},
	{"ksh unquoted", []string{"ksh"}, unquoted, "set -eu"},
	{"mksh", []string{"mksh"}, quoted, "set -eu"},
	{"mksh unquoted", []string{"mksh"}, unquoted, "set -eu"},
	{"yash", []string{"yash"}, quoted, "set -eu"},
	{"yash unquoted", []string{"yash"}, unquoted, "set -eu"},
	{"busybox", []string{"busybox", "sh"}, quoted, "set -eu"},
	{"busybox unquoted", []string{"busybox", "sh"}, unquoted, "set -eu"},
	{"fish", []string{"fish", "--no-config"}, fish, ""},
	{"tcsh", []string{"tcsh", "-f", "-e"}, csh, ""},
	{"xonsh", []string{"xonsh", "--no-rc"}, xonsh, ""},
	{"elvish", []string{"elvish", "-norc"}, elvish, ""},
	{"nushell", []string{"nu", "--no-config-file"}, nu, ""},
}

// oneOfEach is a shell for each dialect.
func oneOfEach() []shell {
	return slices.DeleteFunc(slices.Clone(shells), func(s shell) bool {
		return !slices.Contains([]string{"dash", "fish", "tcsh", "xonsh", "elvish", "nushell"}, s.name)
	})
}

// shellNamed is one of the shells.
func shellNamed(name string) shell {
	return shells[slices.IndexFunc(shells, func(s shell) bool { return s.name == name })]
}

// command returns the shell with a script as its argument.
func (s shell) command(t *testing.T, dir, script string) []string {
	t.Helper()
	testkit.Write(t, dir, "script", s.setup+"\n"+script)
	program := s.argv[0]
	if program == "nu" {
		program = nushell(t)
	}
	testkit.Need(t, program)
	return slices.Concat([]string{program}, s.argv[1:], []string{filepath.Join(dir, "script")})
}

// npm is where make deps puts npm's packages.
func npm(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", ".tools", "npm", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// nushell returns the program itself: npm's script before it passes no descriptors on.
func nushell(t *testing.T) string {
	t.Helper()
	if found, _ := filepath.Glob(filepath.Join(npm(t), "@nushell", "*", "bin", "nu")); len(found) > 0 {
		return found[0]
	}
	return "nu"
}

// nasty is the name of a unix socket that has everything which shells and our own encoding could trip over, and fits into
// sun_path below /private/tmp.
const nasty = "it's $HOME `id` \"x\" %41, * ? [a-z] {b,c} ~ \\ ! # & ; | < > =\t\nsecond.sock"

// environment parses the output of probe environment; what begins with "_" or XONSH is the shell's own.
func environment(text string) map[string]string {
	variables := map[string]string{}
	for variable := range strings.SplitSeq(text, "\x00") {
		if name, value, _ := strings.Cut(variable, "="); name != "" && name[0] != '_' && !strings.HasPrefix(name, "XONSH") {
			variables[name] = value
		}
	}
	return variables
}

// story is a script that evaluates the output of systemfd env: twice, then with other sockets, and then backwards.
func (s shell) story() string {
	first := "-s http::0 -s 'six=http::[::1]:0' -s " + s.word
	second := "-s 'six=http::[::1]:0' -s udp::0"
	return s.output("probe environment", "before") +
		s.succeeds(first, "status-1") +
		s.output("probe environment", "during") +
		s.output("systemfd -- probe", "probe") +
		s.output(s.env(first), "code") +
		s.output("systemfd env --json "+first, "json") +
		s.succeeds(first, "status-2") +
		s.output("probe environment", "during-again") +
		s.output(s.env(first), "code-again") +
		s.output("systemfd status --json", "status") +
		s.output("find . -type s", "listing") +
		s.succeeds(second, "status-3") +
		s.output("systemfd -- probe", "probe-second") +
		s.output("systemfd status --json", "status-second") +
		s.output("find . -type s", "listing-second") +
		s.succeeds("--unset", "status-4") +
		s.output("probe environment", "after") +
		s.succeeds("--unset", "status-5") + // of what is not there
		s.output("systemfd status", "status-after") +
		s.output("echo the end", "end") +
		"exec cat\n" // stay, without a shell that could do something else
}

// TestShells: each shell evaluates the output of systemfd env for it, twice, with other sockets, and backwards.
func TestShells(t *testing.T) {
	t.Parallel()
	for _, s := range shells {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			release := runScript(p, s.command(t, p.Dir, s.story())...)
			during := environment(p.Read("during"))
			checkSameAsJSON(p, during)
			checkFirst(p, during)
			checkAgain(p)
			checkSecond(p)
			checkSame(t, environment(p.Read("before")), environment(p.Read("after")))
			checkStatuses(p)
			p.AwaitNothing() // while their owner lives
			if err := release(); err != nil {
				t.Error(err)
			}
		})
	}
}

// checkStatuses looks whether each evaluation succeeded, and left nothing in the end.
func checkStatuses(p *testkit.Project) {
	p.T.Helper()
	for i := range 5 {
		if status := p.Read(fmt.Sprint("status-", i+1)); status != "status 0\n" {
			p.T.Errorf("evaluation %d has %q", i+1, status)
		}
	}
	if status := p.Read("status-after"); status != "nothing is kept open\n" {
		p.T.Errorf("after --unset, status is %q", status)
	}
}

// runScript starts a shell, waits until its script has come to the end, and returns what ends it.
func runScript(p *testkit.Project, argv ...string) (release func() error) {
	p.T.Helper()
	cmd := p.Command(argv...)
	cmd.Env = append(slices.Clone(p.Env), "SPEC=odd=unix::./"+nasty)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		p.T.Fatal(err)
	}
	logged(p, cmd)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	awaitScript(p, ended)
	return func() error {
		stdin.Close()
		return <-ended
	}
}

// awaitScript waits for the last line of a script, before which the shell may not end.
func awaitScript(p *testkit.Project, ended <-chan error) {
	p.T.Helper()
	testkit.Await(p.T, "the end of the script", func() bool {
		select {
		case err := <-ended:
			p.T.Fatalf("the script ended early, %v:\n%s", err, p.Read("log"))
		default:
		}
		return testkit.Exists(p.Path("end"))
	})
	if text := p.Read("log"); text != "" && !strings.Contains(text, "~>") {
		p.T.Errorf("the script said %q", text)
	}
}

// checkSameAsJSON looks whether the first evaluation set what --json says.
func checkSameAsJSON(p *testkit.Project, during map[string]string) {
	p.T.Helper()
	var want map[string]*string
	if err := json.Unmarshal([]byte(p.Read("json")), &want); err != nil {
		p.T.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(want))
	if !slices.Equal(names, []string{"LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "SYSTEMFD_HOLDER", "SYSTEMFD_SOCKETS"}) {
		p.T.Errorf("--json has %q", names)
	}
	for name, value := range want {
		if value == nil || during[name] != *value {
			p.T.Errorf("%s is %q, and not as --json says: %s", name, during[name], p.Read("json"))
		}
	}
}

// checkFirst looks at what the first evaluation gave: the environment, and the sockets that a command then got.
func checkFirst(p *testkit.Project, during map[string]string) {
	p.T.Helper()
	if during["LISTEN_FDS"] != "3" || during["LISTEN_FDNAMES"] != "http:six:odd" {
		p.T.Errorf("LISTEN_FDS is %q, LISTEN_FDNAMES %q", during["LISTEN_FDS"], during["LISTEN_FDNAMES"])
	}
	sockets := testkit.ParseHeld(p.T, p.Read("status"))
	if len(sockets) != 3 || during["LISTEN_PID"] != fmt.Sprint(sockets[0].Holder.PID) {
		p.T.Fatalf("LISTEN_PID is %q, status %v", during["LISTEN_PID"], sockets)
	}
	if nastyPath := p.Path(nasty); sockets[2].Address != nastyPath || sockets[2].Spec != "odd=unix::"+nastyPath {
		p.T.Errorf("the path is held as %q, %q; want %q", sockets[2].Address, sockets[2].Spec, nastyPath)
	}
	probe := p.Read("probe")
	checkOwnPID(p.T, probe)
	testkit.Says(p.T, probe, "env LISTEN_FDNAMES=http:six:odd",
		"fd 3 socket type=1 listening=1 .* blocking "+regexp.QuoteMeta(sockets[0].Address),
		"fd 4 socket type=1 listening=1 .* blocking "+regexp.QuoteMeta(sockets[1].Address),
		"fd 5 socket type=1 listening=1 .* blocking "+regexp.QuoteMeta(p.Path(nasty)))
	if !strings.HasPrefix(sockets[1].Address, "[::1]:") {
		p.T.Errorf("the address of %q is %q", sockets[1].Spec, sockets[1].Address)
	}
}

// checkOwnPID looks whether a strict reader would take the sockets that the probe found.
func checkOwnPID(t *testing.T, probe string) {
	t.Helper()
	pid := regexp.MustCompile(`^pid (\d+)\n`).FindStringSubmatch(probe)
	if pid == nil {
		t.Fatalf("the probe says %q", probe)
	}
	testkit.Says(t, probe, "env LISTEN_PID="+pid[1])
}

// checkAgain looks whether the second time changed anything.
func checkAgain(p *testkit.Project) {
	p.T.Helper()
	if code, again := p.Read("code"), p.Read("code-again"); code == "" || code != again {
		p.T.Errorf("the code is\n%sand the second time\n%s", code, again)
	}
	checkSame(p.T, environment(p.Read("during")), environment(p.Read("during-again")))
}

// checkSame compares environments.
func checkSame(t *testing.T, before, after map[string]string) {
	t.Helper()
	for name, value := range before {
		if is, ok := after[name]; !ok || is != value {
			t.Errorf("%s was %q, and is %q", name, value, is)
		}
	}
	for name, value := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("%s was not set, and is %q", name, value)
		}
	}
}

// checkSecond looks at what the changed flags gave: one socket stays, two go, one comes, all with the same holder.
func checkSecond(p *testkit.Project) {
	p.T.Helper()
	before, after := testkit.ParseHeld(p.T, p.Read("status")), testkit.ParseHeld(p.T, p.Read("status-second"))
	if len(after) != 2 || after[0].Spec != before[1].Spec || after[0].Holder != before[1].Holder || after[1].Name != "udp" {
		p.T.Fatalf("held is %v, and before %v", after, before)
	}
	probe := p.Read("probe-second")
	checkOwnPID(p.T, probe)
	testkit.Says(p.T, probe, "env LISTEN_FDNAMES=six:udp",
		"fd 3 socket type=1 listening=1 .* "+regexp.QuoteMeta(before[1].Address),
		"fd 4 socket type=2 .* "+regexp.QuoteMeta(after[1].Address))
	if listing, second := p.Read("listing"), p.Read("listing-second"); listing != "./"+nasty+"\n" || second != "" {
		p.T.Errorf("the sockets in the directory are %q, and then %q", listing, second)
	}
}

// TestNoListen leaves LISTEN_* out, and unsets what was there; systemfd gets the sockets all the same.
func TestNoListen(t *testing.T) {
	t.Parallel()
	for _, s := range oneOfEach() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			p.Env = append(p.Env, "LISTEN_FDS=1", "LISTEN_PID=1", "LISTEN_FDNAMES=x", "LISTEN_PIDFDID=7", "LISTEN_FDS_FIRST_FD=5")
			got := script(p, s, s.evaluate("--no-listen -s http::0")+s.output("probe environment", "seen")+s.output("systemfd -- probe", "probe"))
			if got.Status != 0 {
				t.Errorf("exit %d: %s", got.Status, got.Err)
			}
			if names := socketVariables(environment(p.Read("seen"))); !slices.Equal(names, []string{"SYSTEMFD_HOLDER", "SYSTEMFD_SOCKETS"}) {
				t.Errorf("the shell has %q", names)
			}
			checkOwnPID(t, p.Read("probe"))
			testkit.Says(t, p.Read("probe"), "env LISTEN_FDS=1", "env LISTEN_FDNAMES=http", "fd 3 socket type=1 listening=1 .*")
		})
	}
}

// socketVariables returns the names of the variables that tell of sockets.
func socketVariables(environ map[string]string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(environ)), func(name string) bool {
		isOurs := strings.HasPrefix(name, "SYSTEMFD_") && !strings.HasPrefix(name, "SYSTEMFD_TEST_")
		return !strings.HasPrefix(name, "LISTEN_") && !isOurs
	})
}
