//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// project is a folder to work in, whose holders nobody else has: their control sockets are in a folder of its own.
type project struct {
	t                  *testing.T
	dir, runtime, home string
	env                []string
}

// newProject makes a project. When the test ends, whatever still runs in it is killed, its holders are stopped, and
// none of them may be left.
func newProject(t *testing.T) *project {
	t.Helper()
	p := &project{t: t, dir: folder(t), runtime: folder(t), home: folder(t)}
	p.env = append(os.Environ(), "XDG_RUNTIME_DIR="+p.runtime, "HOME="+p.home, "ENV=", "BASH_ENV=", "TERM=dumb", "NO_COLOR=1")
	for _, name := range []string{"CONFIG", "DATA", "CACHE", "STATE"} {
		p.env = append(p.env, "XDG_"+name+"_HOME="+filepath.Join(p.home, name))
	}
	t.Cleanup(func() {
		await(t, "the processes in "+p.dir+" to end", func() (struct{}, bool) { return struct{}{}, killIn(p.dir) == 0 })
		stop := exec.Command("systemfd", "stop", "--all")
		stop.Env = p.env
		if out, err := stop.CombinedOutput(); err != nil {
			t.Errorf("systemfd stop --all: %v: %s", err, out)
		}
		p.awaitNothing()
	})
	return p
}

// in has a command run in the project: for handOff.
func (p *project) in(cmd *exec.Cmd) { cmd.Dir, cmd.Env = p.dir, p.env }

func (p *project) path(name string) string { return filepath.Join(p.dir, name) }

func (p *project) read(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(p.path(name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// awaitFile waits for a file that says that a script has come so far, and returns what is in it.
func (p *project) awaitFile(name string) string {
	p.t.Helper()
	return await(p.t, "the file "+name, func() (string, bool) {
		text, err := os.ReadFile(p.path(name))
		return string(text), err == nil && strings.HasSuffix(string(text), "\n")
	})
}

// holders returns the processes that are holders of the project, also ones that are only starting.
func (p *project) holders() (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		if argv := strings.Split(string(text), "\x00"); len(argv) > 2 && argv[1] == "holder" && strings.Contains(string(text), p.runtime+"/") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// holder returns the one holder of the project.
func (p *project) holder() int {
	p.t.Helper()
	pids := p.holders()
	if len(pids) != 1 {
		p.t.Fatalf("the holders are %v, want one", pids)
	}
	return pids[0]
}

// awaitNothing waits until no holder is left, and looks for what one could have left.
func (p *project) awaitNothing() {
	p.t.Helper()
	await(p.t, "the holders to end", func() (struct{}, bool) { return struct{}{}, len(p.holders()) == 0 })
	sockets := leftIn(filepath.Join(p.runtime, "systemfd"))
	held, _ := filepath.Glob(p.path("*.sock"))
	if left := append(sockets, held...); len(left) > 0 {
		p.t.Errorf("%q is left over", left)
	}
}

func (p *project) held() []held {
	p.t.Helper()
	return parseHeld(p.t, handOff(p.t, p.in, "status", "--json").out)
}

func parseHeld(t *testing.T, text string) []held {
	t.Helper()
	var status struct{ Sockets []held }
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		t.Fatalf("status is %q: %v", text, err)
	}
	return status.Sockets
}

// dialect is how a family of shells writes what these tests have them do.
type dialect struct {
	name    string // what --shell takes; "" for one that reads --json
	eval    string // evaluate what systemfd env prints; %s is for its flags
	word    string // the variable SPEC as one word
	command string // what stands before a command
	into    string // what stands before a file for its output
	status  string // say the status of the last command
	fail    string // what systemfd env prints where it fails
}

var (
	quoted   = dialect{"sh", `eval "$(systemfd env %s)"`, `"$SPEC"`, "", " >", `echo "status $?"`, "false;"}
	unquoted = dialect{"sh", `eval $(systemfd env %s)`, `"$SPEC"`, "", " >", `echo "status $?"`, "false;"}
	fish     = dialect{"fish", "systemfd env --shell fish %s | source", `"$SPEC"`, "", " >", `echo "status $status"`, "false;"}
	csh      = dialect{"csh", "eval `systemfd env --shell csh %s`", `"$SPEC:q"`, "", " >", `echo "status $status"`, "false;"}
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
	{"nushell", []string{"nu", "--no-config-file"}, nu, ""},
}

// oneOfEach is a shell for each dialect.
func oneOfEach() []shell {
	return slices.DeleteFunc(slices.Clone(shells), func(s shell) bool {
		return !slices.Contains([]string{"dash", "fish", "tcsh", "nushell"}, s.name)
	})
}

// command returns the shell with a script as its argument.
func (s shell) command(t *testing.T, dir, script string) []string {
	t.Helper()
	write(t, dir, "script", s.setup+"\n"+script)
	program := s.argv[0]
	if program == "nu" {
		program = nushell(t)
	}
	need(t, program)
	return slices.Concat([]string{program}, s.argv[1:], []string{filepath.Join(dir, "script")})
}

// npm is where make test-deps puts npm's packages.
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

// nasty is the name of a unix socket that has everything which shells and our own encoding could trip over.
const nasty = "it's $HOME `id` \"x\" 100%41, * ? [a-z] {b,c} ~ \\ ! # & ; | < > =\t\nsecond line.sock"

// environment parses the output of env -0; what begins with "_" is the shell's own.
func environment(text string) map[string]string {
	variables := map[string]string{}
	for variable := range strings.SplitSeq(text, "\x00") {
		if name, value, _ := strings.Cut(variable, "="); name != "" && name[0] != '_' {
			variables[name] = value
		}
	}
	return variables
}

// TestShells has each shell evaluate what systemfd env prints for it, twice, with other sockets, and backwards.
func TestShells(t *testing.T) {
	t.Parallel()
	for _, s := range shells {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			first := "-s http::0 -s 'six=http::[::1]:0' -s " + s.word
			second := "-s 'six=http::[::1]:0' -s udp::0"
			script := s.output("env -0", "before") +
				s.succeeds(first, "status-1") +
				s.output("env -0", "during") +
				s.output("systemfd -- probe", "probe") +
				s.output(s.env(first), "code") +
				s.output("systemfd env --json "+first, "json") +
				s.succeeds(first, "status-2") +
				s.output("env -0", "during-again") +
				s.output(s.env(first), "code-again") +
				s.output("systemfd status --json", "status") +
				s.output("find . -type s", "listing") +
				s.succeeds(second, "status-3") +
				s.output("systemfd -- probe", "probe-second") +
				s.output("systemfd status --json", "status-second") +
				s.output("find . -type s", "listing-second") +
				s.succeeds("--unset", "status-4") +
				s.output("env -0", "after") +
				s.succeeds("--unset", "status-5") + // of what is not there
				s.output("systemfd status", "status-after") +
				s.output("echo the end", "end") +
				"exec cat\n" // stay, without a shell that could do something else
			release := p.runScript(s.command(t, p.dir, script)...)

			p.checkFirst(environment(p.read("during")))
			p.checkAgain()
			p.checkSecond()
			checkSame(t, environment(p.read("before")), environment(p.read("after")))
			for i := range 5 {
				if status := p.read(fmt.Sprint("status-", i+1)); status != "status 0\n" {
					t.Errorf("evaluation %d has %q", i+1, status)
				}
			}
			if status := p.read("status-after"); status != "nothing is held\n" {
				t.Errorf("after --unset, status is %q", status)
			}
			p.awaitNothing() // while their owner lives
			if err := release(); err != nil {
				t.Error(err)
			}
		})
	}
}

// runScript starts a shell, waits until its script has come to the end, and returns what ends it.
func (p *project) runScript(argv ...string) (release func() error) {
	p.t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	p.in(cmd)
	cmd.Env = append(slices.Clone(p.env), "SPEC=odd=unix::./"+nasty)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	log, err := os.Create(p.path("log"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	await(p.t, "the end of the script", func() (struct{}, bool) {
		select {
		case err := <-ended:
			p.t.Fatalf("the script ended early, %v:\n%s", err, p.read("log"))
		default:
		}
		_, err := os.Stat(p.path("end"))
		return struct{}{}, err == nil
	})
	if text := p.read("log"); text != "" && !strings.Contains(text, "~>") {
		p.t.Errorf("the script said %q", text)
	}
	return func() error {
		stdin.Close()
		return <-ended
	}
}

// checkFirst looks at what the first evaluation gave: the environment, and the sockets that a command then got.
func (p *project) checkFirst(during map[string]string) {
	p.t.Helper()
	var want map[string]*string
	if err := json.Unmarshal([]byte(p.read("json")), &want); err != nil {
		p.t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(want))
	if !slices.Equal(names, []string{"LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "SYSTEMFD_HOLDER", "SYSTEMFD_SOCKETS"}) {
		p.t.Errorf("--json has %q", names)
	}
	for name, value := range want {
		if value == nil || during[name] != *value {
			p.t.Errorf("%s is %q, and not as --json says: %s", name, during[name], p.read("json"))
		}
	}
	if during["LISTEN_FDS"] != "3" || during["LISTEN_FDNAMES"] != "http:six:odd" {
		p.t.Errorf("LISTEN_FDS is %q, LISTEN_FDNAMES %q", during["LISTEN_FDS"], during["LISTEN_FDNAMES"])
	}
	sockets := parseHeld(p.t, p.read("status"))
	if len(sockets) != 3 || during["LISTEN_PID"] != fmt.Sprint(sockets[0].Holder) {
		p.t.Fatalf("LISTEN_PID is %q, status %v", during["LISTEN_PID"], sockets)
	}
	if nastyPath := p.path(nasty); sockets[2].Address != nastyPath || sockets[2].Spec != "odd=unix::"+nastyPath {
		p.t.Errorf("the path is held as %q, %q; want %q", sockets[2].Address, sockets[2].Spec, nastyPath)
	}
	probe := p.read("probe")
	checkOwnPID(p.t, probe)
	says(p.t, probe, "env LISTEN_FDNAMES=http:six:odd",
		"fd 3 socket type=1 listening=1 .* blocking "+regexp.QuoteMeta(sockets[0].Address),
		"fd 4 socket type=1 listening=1 .* blocking "+regexp.QuoteMeta(sockets[1].Address),
		"fd 5 socket type=1 listening=1 .* blocking "+regexp.QuoteMeta(p.path(nasty)))
	if !strings.HasPrefix(sockets[1].Address, "[::1]:") {
		p.t.Errorf("the address of %q is %q", sockets[1].Spec, sockets[1].Address)
	}
}

// checkOwnPID looks whether a strict reader would take the sockets that the probe found.
func checkOwnPID(t *testing.T, probe string) {
	t.Helper()
	pid := regexp.MustCompile(`^pid (\d+)\n`).FindStringSubmatch(probe)
	if pid == nil {
		t.Fatalf("the probe says %q", probe)
	}
	says(t, probe, "env LISTEN_PID="+pid[1])
}

// checkAgain looks whether the second time changed anything.
func (p *project) checkAgain() {
	p.t.Helper()
	if code, again := p.read("code"), p.read("code-again"); code == "" || code != again {
		p.t.Errorf("the code is\n%sand the second time\n%s", code, again)
	}
	checkSame(p.t, environment(p.read("during")), environment(p.read("during-again")))
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
func (p *project) checkSecond() {
	p.t.Helper()
	before, after := parseHeld(p.t, p.read("status")), parseHeld(p.t, p.read("status-second"))
	if len(after) != 2 || after[0].Spec != before[1].Spec || after[0].Holder != before[1].Holder || after[1].Name != "udp" {
		p.t.Fatalf("held is %v, and before %v", after, before)
	}
	probe := p.read("probe-second")
	checkOwnPID(p.t, probe)
	says(p.t, probe, "env LISTEN_FDNAMES=six:udp",
		"fd 3 socket type=1 listening=1 .* "+regexp.QuoteMeta(before[1].Address),
		"fd 4 socket type=2 .* "+regexp.QuoteMeta(after[1].Address))
	if listing, second := p.read("listing"), p.read("listing-second"); listing != "./"+nasty+"\n" || second != "" {
		p.t.Errorf("the sockets in the folder are %q, and then %q", listing, second)
	}
}

// TestEvalFails has each shell evaluate what systemfd env prints where it fails: that fails too, and says why.
func TestEvalFails(t *testing.T) {
	t.Parallel()
	for _, s := range shells {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			taken := listen(t).Addr().String()
			exits := s.setup != "" || slices.Contains([]string{"tcsh", "nushell"}, s.name) // where a command fails
			got := p.script(s, s.evaluate("-s http::"+taken)+s.status+"\n")
			if exits && (got.status == 0 || got.out != "") {
				t.Errorf("exit %d, and then %q", got.status, got.out)
			}
			if !exits && got.out != "status 1\n" {
				t.Errorf("it says %q", got.out)
			}
			says(t, got.err, "error: "+taken+" is in use.*", "hint: .*")
			if strings.Count(got.err, "error: ") != 1 {
				t.Errorf("stderr has %q", got.err)
			}

			if !strings.HasPrefix(s.setup, "set -eu") {
				return
			}
			s.setup = strings.Replace(s.setup, "set -eu", "set -u", 1)
			got = p.script(s, s.evaluate("-s http::"+taken)+s.status+"\n")
			if got.status != 0 || got.out != "status 1\n" {
				t.Errorf("without set -e: exit %d, it says %q", got.status, got.out)
			}
		})
	}
}

// script runs a shell to its end.
func (p *project) script(s shell, script string) outcome {
	p.t.Helper()
	argv := s.command(p.t, p.dir, script)
	cmd := exec.Command(argv[0], argv[1:]...)
	p.in(cmd)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if _, exited := errors.AsType[*exec.ExitError](cmd.Run()); !exited && cmd.ProcessState == nil {
		p.t.Fatalf("%q does not start", argv)
	}
	return outcome{cmd.Process.Pid, cmd.ProcessState.ExitCode(), out.String(), stderr.String()}
}

// TestEnvFails looks at the two outputs of systemfd env where it fails: code that fails alone, and the message alone.
func TestEnvFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, flags, err string
		status           int
		prepare          func(p *project) error
	}{
		{"bad socket", "-s bad::0", `bad socket "bad::0": unknown type "bad"`, 2, nil},
		{"bad flag", "-s http::0 --sell fish", `unknown flag "--sell".*`, 2, nil},
		{"no sockets", "", "this shell was started without sockets", 1, nil},
		{"no folder", "-s ./nowhere/a.sock", ".*nowhere.*", 1, nil},
		{"no owner", "-s http::0 --owner 2147483647", "there is no process 2147483647 to own the sockets", 1, nil},
		{"bad name", "-s http::0 --name a/b", `bad holder name "a/b"`, 1, nil},
		{"unsafe folder", "-s http::0", `folder ".*" is not safe: .*`, 1, func(p *project) error {
			return os.Symlink(p.home, filepath.Join(p.runtime, "systemfd"))
		}},
		{"one of two in use", "-s ./a.sock -s ./taken", `.*/taken is in use.*`, 1, func(p *project) error {
			l, err := net.Listen("unix", p.path("taken"))
			if err == nil {
				p.t.Cleanup(func() { l.Close() })
			}
			return err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, d := range []dialect{quoted, fish, csh, {name: "powershell", fail: "throw 'systemfd env failed';"}, nu} {
				p := newProject(t)
				if test.prepare != nil {
					if err := test.prepare(p); err != nil {
						t.Fatal(err)
					}
				}
				got := handOff(t, p.in, strings.Fields(d.env(test.flags))[1:]...)
				want := d.fail + "\n"
				switch {
				case test.name == "bad flag": // where the flags are wrong, so may be --shell and --json
					want = "false;\n"
				case d.name == "":
					want = ""
				}
				if got.out != want || got.status != test.status {
					t.Errorf("%q: exit %d, stdout %q, want %q", d.name, got.status, got.out, want)
				}
				if !regexp.MustCompile(`\Aerror: ` + test.err + `\n(hint: .*\n)?\z`).MatchString(got.err) {
					t.Errorf("%s: stderr is %q", d.name, got.err)
				}
				if test.name == "unsafe folder" {
					os.Remove(filepath.Join(p.runtime, "systemfd"))
				}
				p.awaitNothing()
			}
		})
	}
}

// TestUnknownShell names the shells that there are.
func TestUnknownShell(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	got := handOff(t, p.in, "env", "-s", "http::0", "--shell", "elvish")
	if got.status != 2 || got.out != "false;\n" {
		t.Errorf("exit %d, stdout %q", got.status, got.out)
	}
	says(t, got.err, `error: unknown shell "elvish"`, "hint: --shell takes .*fish.*--json")
	p.awaitNothing()
}

// TestEnvOnTerminal prints to a terminal, where nothing evaluates the code.
func TestEnvOnTerminal(t *testing.T) {
	t.Parallel()
	for name, hint := range map[string]string{
		"sh":         `eval "$(systemfd env -s http::0 --shell sh)"`,
		"fish":       "systemfd env -s http::0 --shell fish | source",
		"csh":        "eval `systemfd env -s http::0 --shell csh`",
		"powershell": "systemfd env -s http::0 --shell powershell | Out-String | Invoke-Expression",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			cmd := exec.Command("systemfd", "env", "-s", "http::0", "--shell", name)
			p.in(cmd)
			tty, err := pty.Start(cmd)
			if err != nil {
				t.Fatal(err)
			}
			defer tty.Close()
			text, err := io.ReadAll(tty)
			if !errors.Is(err, syscall.EIO) { // which is how the end of the last process on it reads
				t.Fatal(err)
			}
			cmd.Wait()
			fail := "false;"
			if name == "powershell" {
				fail = "throw 'systemfd env failed';"
			}
			want := fail + "\nerror: standard output is a terminal, nothing would evaluate the code\nhint: " + hint + "\n"
			if got := strings.ReplaceAll(string(text), "\r\n", "\n"); got != want || cmd.ProcessState.ExitCode() != 1 {
				t.Errorf("exit %d, and %q; want %q", cmd.ProcessState.ExitCode(), got, want)
			}
			if entries, err := os.ReadDir(p.runtime); err != nil || len(entries) > 0 || len(p.holders()) > 0 {
				t.Errorf("the runtime folder has %v, %v; the holders are %v", entries, err, p.holders())
			}
		})
	}
}

// TestEnvOfThisShell addresses to a shell below another one the sockets that it was started with; its script ends in
// the exec of a strict reader.
func TestEnvOfThisShell(t *testing.T) {
	t.Parallel()
	const below = `LISTEN_PIDFDID=7 LISTEN_PID=1 "$@"; echo "ended: $?"`
	for _, s := range shells {
		for _, reader := range strict {
			t.Run(s.name+" "+reader.name, func(t *testing.T) {
				t.Parallel()
				dir := folder(t)
				program := reader.command(t)
				script := s.evaluate("") + s.output("env -0", "seen") + "exec " + strings.Join(program, " ") + "\n"
				start(t, dir, "", withSockets(append([]string{"sh", "-c", below, "sh"}, s.command(t, dir, script)...)...)...)
				pid, err := reader.ask(opened(t, dir))
				if err != nil {
					t.Fatal(err)
				}
				text, err := os.ReadFile(filepath.Join(dir, "seen"))
				seen := environment(string(text))
				if err != nil || seen["LISTEN_PID"] != fmt.Sprint(pid) {
					t.Errorf("LISTEN_PID is %q, the reader %d: %v", seen["LISTEN_PID"], pid, err)
				}
				if value, ok := seen["LISTEN_PIDFDID"]; ok {
					t.Errorf("LISTEN_PIDFDID is %q", value)
				}
			})
		}
	}
	for _, reader := range strict {
		t.Run("without "+reader.name, func(t *testing.T) {
			t.Parallel()
			program := reader.command(t)
			got := handOff(t, nil, withSockets(append([]string{"sh", "-c", below, "sh"}, program...)...)[1:]...)
			if says(t, got.out, "ended: [1-9].*"); got.status != 0 {
				t.Errorf("exit %d: %s", got.status, got.err)
			}
		})
	}
}

// TestNamesAreQuoted has a parent pass names that would be code if they were not quoted, in every shell.
func TestNamesAreQuoted(t *testing.T) {
	t.Parallel()
	for _, s := range shells {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			for _, name := range []string{"x';touch<pwned>pwned;'", "it's", "$(touch$IFS'pwned')", "`touch$IFS'pwned'`", `\';touch>pwned;'\`, "!x", `"`, "a\u2019;touch"} {
				argv := s.command(t, p.dir, s.evaluate("")+s.output("probe", "probe"))
				got := handOff(t, p.in, append([]string{"-q", "-s", "0", "--", "env", "LISTEN_FDNAMES=" + name}, argv...)...)
				switch {
				case strings.Contains(got.err, "no matches found"): // zsh with globsubst, unquoted: it refuses
				case got.status != 0:
					t.Errorf("%q: exit %d, %s", name, got.status, got.err)
				default:
					says(t, p.read("probe"), "env LISTEN_FDNAMES="+regexp.QuoteMeta(name))
				}
				if _, err := os.Lstat(p.path("pwned")); err == nil {
					t.Fatalf("%q ran as code", name)
				}
			}
		})
	}
}

// TestNoListen leaves LISTEN_* out, and unsets what was there; systemfd gets the sockets all the same.
func TestNoListen(t *testing.T) {
	t.Parallel()
	for _, s := range oneOfEach() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			p.env = append(p.env, "LISTEN_FDS=1", "LISTEN_PID=1", "LISTEN_FDNAMES=x", "LISTEN_PIDFDID=7", "LISTEN_FDS_FIRST_FD=5")
			got := p.script(s, s.evaluate("--no-listen -s http::0")+s.output("env -0", "seen")+s.output("systemfd -- probe", "probe"))
			if got.status != 0 {
				t.Errorf("exit %d: %s", got.status, got.err)
			}
			var names []string
			for name := range environment(p.read("seen")) {
				if strings.HasPrefix(name, "LISTEN_") || strings.HasPrefix(name, "SYSTEMFD_") && !strings.HasPrefix(name, "SYSTEMFD_TEST_") {
					names = append(names, name)
				}
			}
			slices.Sort(names)
			if !slices.Equal(names, []string{"SYSTEMFD_HOLDER", "SYSTEMFD_SOCKETS"}) {
				t.Errorf("the shell has %q", names)
			}
			checkOwnPID(t, p.read("probe"))
			says(t, p.read("probe"), "env LISTEN_FDS=1", "env LISTEN_FDNAMES=http", "fd 3 socket type=1 listening=1 .*")
		})
	}
}

// owner starts a process that does nothing, for sockets to be kept for, and returns what ends it.
func (p *project) owner() (pid int, end func()) {
	p.t.Helper()
	cmd := exec.Command("cat")
	p.in(cmd)
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return cmd.Process.Pid, func() {
		stdin.Close()
		cmd.Wait()
	}
}

// TestHolderOfTheFolder is shared by all terminals in a folder, and by no other folder.
func TestHolderOfTheFolder(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	one, endOne := p.owner()
	two, endTwo := p.owner()
	env := func(dir string, owner int, flags ...string) outcome {
		t.Helper()
		got := handOff(t, func(cmd *exec.Cmd) { cmd.Dir, cmd.Env = dir, p.env }, append([]string{"env", "--owner", fmt.Sprint(owner)}, flags...)...)
		if got.status != 0 {
			t.Fatalf("exit %d: %s", got.status, got.err)
		}
		return got
	}
	first := env(p.dir, one, "-s", "http::0")
	holder := p.holder()
	if second := env(p.dir, two, "-s", "http::0"); second.out != first.out {
		t.Errorf("the second terminal gets\n%snot\n%s", second.out, first.out)
	}
	link := filepath.Join(p.home, "link")
	if err := os.Symlink(p.dir, link); err != nil {
		t.Fatal(err)
	}
	if second := env(link, two, "-s", "http::0"); second.out != first.out {
		t.Errorf("by a symbolic link it gets\n%snot\n%s", second.out, first.out)
	}
	elsewhere := env(p.home, two, "-s", "http::0")
	if elsewhere.out == first.out || len(p.holders()) != 2 {
		t.Errorf("another folder gets\n%sand the holders are %v", elsewhere.out, p.holders())
	}
	if sockets := p.held(); len(sockets) != 2 {
		t.Errorf("held is %v", sockets)
	}

	endOne()
	await(t, "the owner to go", func() (struct{}, bool) {
		owners := 0
		for _, s := range p.held() {
			owners += len(s.Owners)
		}
		return struct{}{}, owners == 2
	})
	if !slices.Contains(p.holders(), holder) {
		t.Error("with one of its two owners the holder ended")
	}
	endTwo()
	p.awaitNothing()
}

// TestNamedHolder is shared by folders.
func TestNamedHolder(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	there := func(cmd *exec.Cmd) { cmd.Dir, cmd.Env = p.home, p.env }
	here := handOff(t, p.in, "env", "-s", "http::0", "--name", "shared")
	says(t, here.out, "export SYSTEMFD_HOLDER='"+p.runtime+"/systemfd/shared.sock';")
	if got := handOff(t, there, "env", "-s", "http::0", "--name", "shared"); got.out != here.out || len(p.holders()) != 1 {
		t.Errorf("another folder gets\n%snot\n%s", got.out, here.out)
	}
	if got := handOff(t, p.in, "stop"); got.status != 1 || len(p.holders()) != 1 {
		t.Errorf("stop without a name: exit %d, %s", got.status, got.err)
	}
	if got := handOff(t, there, "stop", "shared"); got.status != 0 {
		t.Errorf("stop: exit %d, %s", got.status, got.err)
	}
	p.awaitNothing()

	handOff(t, p.in, "env", "-s", "http::0", "--name", "shared")
	if got := handOff(t, there, "env", "--unset", "--name", "shared"); got.status != 0 {
		t.Errorf("--unset: exit %d, %s", got.status, got.err)
	}
	p.awaitNothing()
}

// TestPowerShell parses the code for PowerShell, of which there is no package here: each line does what it should.
func TestPowerShell(t *testing.T) {
	t.Parallel()
	need(t, "node")
	if _, err := os.Stat(filepath.Join(npm(t), "tree-sitter-powershell")); errors.Is(err, fs.ErrNotExist) {
		lacks(t, "npm's tree-sitter-powershell")
	}
	p := newProject(t)
	parse := func(code string) (assigned map[string]string, commands []string) {
		t.Helper()
		cmd := exec.Command("node", "--liftoff-only", "testdata/powershell/parse.cjs") // the other compiler takes 7 s
		cmd.Env = append(os.Environ(), "NODE_PATH="+npm(t))
		cmd.Stdin = strings.NewReader(code)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s\n%s", err, stderr.String(), code)
		}
		var does struct {
			Assigned map[string]string
			Commands []string
		}
		if err := json.Unmarshal(out, &does); err != nil {
			t.Fatal(err)
		}
		return does.Assigned, does.Commands
	}
	specs := []string{"-s", "http::[::1]:0", "-s", "./" + nasty}
	env := func(flags ...string) outcome { return handOff(t, p.in, append([]string{"env"}, flags...)...) }

	set := env(append(specs[:len(specs):len(specs)], "--shell", "powershell")...)
	var want map[string]string
	if err := json.Unmarshal([]byte(env(append(specs, "--json")...).out), &want); err != nil {
		t.Fatal(err)
	}
	assigned, commands := parse(set.out)
	if len(assigned) != len(want) || len(commands) > 0 {
		t.Errorf("it assigns %v and runs %q", assigned, commands)
	}
	for name, value := range want {
		if assigned["$env:"+name] != value {
			t.Errorf("%s is %q, want %q", name, assigned["$env:"+name], value)
		}
	}

	assigned, commands = parse(env("--unset", "--shell", "pwsh").out)
	if len(assigned) > 0 || len(commands) != 7 {
		t.Errorf("--unset assigns %v and runs %q", assigned, commands)
	}
	for _, command := range commands {
		if !regexp.MustCompile(`^Remove-Item Env:(LISTEN|SYSTEMFD)_[A-Z_]+ -ErrorAction SilentlyContinue$`).MatchString(command) {
			t.Errorf("--unset runs %q", command)
		}
	}
	if _, commands = parse(env("-s", "bad::0", "--shell", "powershell").out); !slices.Equal(commands, []string{"throw 'systemfd env failed'"}) {
		t.Errorf("where it fails, it runs %q", commands)
	}
	own := handOff(t, p.in, "-q", "-s", "http::0", "--", "systemfd", "env", "--shell", "powershell")
	if assigned, _ = parse(own.out); assigned["$env:LISTEN_PID"] != "$PID" {
		t.Errorf("for the shell itself it assigns %v", assigned)
	}
}

// TestShellsOfReadme evaluates the lines of README.md, but for the port, each in the shells that it is for.
func TestShellsOfReadme(t *testing.T) {
	t.Parallel()
	rows := regexp.MustCompile("(?m)^\\| ([a-z, ]+) \\| ``? ?(.+?) ?``? \\|$").FindAllStringSubmatch(readme(t), -1)
	lines := map[string]string{}
	for _, row := range rows {
		if strings.Contains(row[2], "systemfd env") {
			for name := range strings.SplitSeq(row[1], ", ") {
				lines[name] = strings.NewReplacer("http::3000", "http::0", `\|`, "|").Replace(row[2])
			}
		}
	}
	for _, name := range []string{"bash", "zsh", "dash", "ksh", "fish", "tcsh", "nushell"} {
		s := shells[slices.IndexFunc(shells, func(s shell) bool { return s.name == name })]
		line := lines[name]
		if line == "" {
			t.Errorf("README.md has no line for %s, only %q", name, lines)
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			if got := p.script(s, line+"\n"+s.output("systemfd -- probe", "probe")); got.status != 0 || !keptOpen.MatchString(got.err) {
				t.Errorf("%s: exit %d, %s", line, got.status, got.err)
			}
			checkOwnPID(t, p.read("probe"))
			says(t, p.read("probe"), "env LISTEN_FDNAMES=http", "fd 3 socket type=1 listening=1 .*")
		})
	}
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
