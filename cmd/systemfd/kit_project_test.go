//go:build linux

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
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// project is a folder to work in, whose holders nobody else has: their control sockets are in a folder of its own.
type project struct {
	t                  *testing.T
	dir, runtime, home string
	env                []string
}

// newProject makes a project. When the test ends, whatever still runs in it is killed, and no holder may outlive that.
func newProject(t *testing.T) *project {
	t.Helper()
	p := &project{t: t, dir: testkit.Directory(t), runtime: testkit.Directory(t), home: testkit.Directory(t)}
	p.env = append(os.Environ(), "XDG_RUNTIME_DIR="+p.runtime, "HOME="+p.home, "ENV=", "BASH_ENV=", "TERM=dumb", "NO_COLOR=1", "PYTHONDONTWRITEBYTECODE=1")
	for _, name := range []string{"CONFIG", "DATA", "CACHE", "STATE"} {
		p.env = append(p.env, "XDG_"+name+"_HOME="+filepath.Join(p.home, name))
	}
	t.Cleanup(func() {
		defer p.stop() // if there is one all the same
		testkit.Await(t, "the processes in "+p.dir+" to end", func() bool { return killIn(p.dir) == 0 })
		p.awaitNothing()
	})
	return p
}

// stop ends all holders.
func (p *project) stop() {
	p.t.Helper()
	if len(p.holders()) == 0 {
		return
	}
	if got := finish(p.t, p.command("systemfd", "stop", "--all")); got.status != 0 {
		p.t.Errorf("systemfd stop --all: %s", got.err)
	}
}

// run runs systemfd to its end.
func (p *project) run(args ...string) outcome {
	p.t.Helper()
	return handOff(p.t, p.in, args...)
}

// command is one to be run in the project.
func (p *project) command(argv ...string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	p.in(cmd)
	return cmd
}

// launch starts a command that stays, as launch does.
func (p *project) launch(argv ...string) *running {
	p.t.Helper()
	return launch(p.t, p.command(argv...))
}

// start starts a command that stays, and of which no systemfd may complain.
func (p *project) start(argv ...string) *running {
	p.t.Helper()
	return p.startWith("", argv...)
}

// startWith is start with a standard input.
func (p *project) startWith(stdin string, argv ...string) *running {
	p.t.Helper()
	cmd := p.command(argv...)
	cmd.Stdin = strings.NewReader(stdin)
	p.t.Cleanup(func() { // once it has ended
		if complaint := regexp.MustCompile(`(?m)^(error|warning): .*`).FindString(p.read("err")); complaint != "" {
			p.t.Errorf("systemfd says %q", complaint)
		}
	})
	return launch(p.t, cmd)
}

// folder is the project in a folder of its own inside of it.
func (p *project) folder(name string) *project {
	p.t.Helper()
	inside := *p
	inside.dir = p.path(name)
	if err := os.Mkdir(inside.dir, 0o700); err != nil {
		p.t.Fatal(err)
	}
	return &inside
}

// in has a command run in the project.
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

// isGone fails the test if something of these names is there.
func (p *project) isGone(names ...string) {
	p.t.Helper()
	for _, name := range names {
		if testkit.Exists(p.path(name)) {
			p.t.Errorf("%s is there", name)
		}
	}
}

func (p *project) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(p.path(name), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// awaitFile waits for a file that says that a script has come so far, and returns what is in it.
func (p *project) awaitFile(name string) string {
	p.t.Helper()
	return await(p.t, "the file "+name, func() (string, bool) {
		text, err := os.ReadFile(p.path(name))
		return string(text), err == nil && strings.HasSuffix(string(text), "\n")
	})
}

// opened returns the address of the first socket that --info-file=info tells of.
func (p *project) opened() string {
	p.t.Helper()
	return p.addresses()[0]
}

// addresses returns all that --info-file=info tells of.
func (p *project) addresses() (found []string) {
	p.t.Helper()
	testkit.Await(p.t, "the info file", func() bool { return testkit.Exists(p.path("info")) })
	var info struct{ Sockets []struct{ Address string } }
	if err := json.Unmarshal([]byte(p.read("info")), &info); err != nil || len(info.Sockets) == 0 {
		p.t.Fatalf("info file %q: %v", p.read("info"), err)
	}
	for _, socket := range info.Sockets {
		found = append(found, socket.Address)
	}
	return found
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
	testkit.Await(p.t, "the holders to end", func() bool { return len(p.holders()) == 0 })
	sockets := leftIn(filepath.Join(p.runtime, "systemfd"))
	held, _ := filepath.Glob(p.path("*.sock"))
	if left := append(sockets, held...); len(left) > 0 {
		p.t.Errorf("%q is left over", left)
	}
}

func (p *project) held() []held {
	p.t.Helper()
	return parseHeld(p.t, p.run("status", "--json").out)
}

func parseHeld(t *testing.T, text string) []held {
	t.Helper()
	var status struct{ Sockets []held }
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		t.Fatalf("status is %q: %v", text, err)
	}
	return status.Sockets
}

// keep is systemfd env for an owner; it returns the environment of a shell that has evaluated it.
func (p *project) keep(owner int, args ...string) (environ []string, got outcome) {
	p.t.Helper()
	got = p.run(append([]string{"env", "-q", "--json", "--owner", strconv.Itoa(owner)}, args...)...)
	if got.status != 0 {
		return nil, got
	}
	return append(slices.Clone(p.env), parseVariables(p.t, got.out)...), got
}

// parseVariables reads what systemfd env --json sets.
func parseVariables(t *testing.T, text string) (variables []string) {
	t.Helper()
	var values map[string]*string
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	for name, value := range values {
		if value != nil {
			variables = append(variables, name+"="+*value)
		}
	}
	return variables
}

// mustKeep is keep that has to work.
func (p *project) mustKeep(owner int, args ...string) []string {
	p.t.Helper()
	environ, got := p.keep(owner, args...)
	if got.status != 0 || got.err != "" {
		p.t.Fatalf("systemfd env %q: status %d, %s", args, got.status, got.err)
	}
	return environ
}

// keepHere keeps sockets for the test itself: the environment of the project names them.
func (p *project) keepHere(args ...string) {
	p.t.Helper()
	p.t.Cleanup(p.stop)
	p.env = p.mustKeep(os.Getpid(), args...)
}

// with runs systemfd in a shell that has evaluated systemfd env: a shell, which owns what has to be started again.
func (p *project) with(environ []string, args ...string) outcome {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), "sh", append([]string{"-c", `systemfd "$@"; exit $?`, "sh"}, args...)...)
	cmd.Dir, cmd.Env = p.dir, environ
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return finish(p.t, cmd)
}

// variable returns the last value in an environment.
func variable(t *testing.T, environ []string, name string) string {
	t.Helper()
	for _, v := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	t.Fatalf("%s is not set", name)
	return ""
}

func (p *project) awaitHolders(number int) {
	p.t.Helper()
	testkit.Await(p.t, fmt.Sprintf("%d holders", number), func() bool { return len(p.holders()) == number })
}

// leftIn returns what a directory of control sockets has, but for the marks of systemfd stop.
func leftIn(dir string) []string {
	entries, _ := filepath.Glob(filepath.Join(dir, "*"))
	return slices.DeleteFunc(entries, func(path string) bool { return strings.HasSuffix(path, ".stopped") })
}

// held is what systemfd status --json says of a socket.
type held struct {
	Name, Address, Spec, Folder string
	Owners, Users               []struct {
		PID  int
		Name string
	}
	Since   time.Time
	Waiting int
	Holder  int
}
