//go:build unix

package testkit

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
)

// Project is a directory to work in, whose holders nobody else has: their control sockets are in a directory of its own.
type Project struct {
	T                  *testing.T
	Dir, Runtime, Home string
	Env                []string
}

// NewProject makes a project. When the test ends, whatever still runs in it is killed, and no holder may outlive that.
func NewProject(t *testing.T) *Project {
	t.Helper()
	p := &Project{T: t, Dir: Directory(t), Runtime: Directory(t), Home: Directory(t)}
	p.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+p.Runtime, "HOME="+p.Home, "ENV=", "BASH_ENV=", "TERM=dumb", "NO_COLOR=1", "PYTHONDONTWRITEBYTECODE=1")
	for _, name := range []string{"CONFIG", "DATA", "CACHE", "STATE"} {
		p.Env = append(p.Env, "XDG_"+name+"_HOME="+filepath.Join(p.Home, name))
	}
	t.Cleanup(func() {
		defer p.Stop() // if there is one all the same
		Await(t, "the processes in "+p.Dir+" to end", func() bool { return KillIn(p.Dir) == 0 })
		p.AwaitNothing()
	})
	return p
}

// Stop ends all holders.
func (p *Project) Stop() {
	p.T.Helper()
	if len(p.Holders()) == 0 {
		return
	}
	if got := Finish(p.T, p.Command("systemfd", "stop", "--all")); got.Status != 0 {
		p.T.Errorf("systemfd stop --all: %s", got.Err)
	}
}

// Run runs systemfd to its end.
func (p *Project) Run(args ...string) Outcome {
	p.T.Helper()
	return HandOff(p.T, p.In, args...)
}

// Command is one to be run in the project.
func (p *Project) Command(argv ...string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	p.In(cmd)
	return cmd
}

// Launch starts a command that stays, its output in the files out and err. What it leaves is killed when the test ends.
func (p *Project) Launch(argv ...string) *Running {
	p.T.Helper()
	return launch(p.T, p.Command(argv...))
}

// Start starts a command that stays. No systemfd in it may complain.
func (p *Project) Start(argv ...string) *Running {
	p.T.Helper()
	return p.StartWith("", argv...)
}

// StartWith is Start with a standard input.
func (p *Project) StartWith(stdin string, argv ...string) *Running {
	p.T.Helper()
	cmd := p.Command(argv...)
	cmd.Stdin = strings.NewReader(stdin)
	p.T.Cleanup(func() { // once it has ended
		if complaint := regexp.MustCompile(`(?m)^(error|warning): .*`).FindString(p.Read("err")); complaint != "" {
			p.T.Errorf("systemfd says %q", complaint)
		}
	})
	return launch(p.T, cmd)
}

// At is the project in another directory, with the same holders.
func (p *Project) At(dir string) *Project {
	other := *p
	other.Dir = dir
	return &other
}

// Directory is the project in a directory of its own inside of it.
func (p *Project) Folder(name string) *Project {
	p.T.Helper()
	if err := os.Mkdir(p.Path(name), 0o700); err != nil {
		p.T.Fatal(err)
	}
	return p.At(p.Path(name))
}

// In makes a command run in the project.
func (p *Project) In(cmd *exec.Cmd) { cmd.Dir, cmd.Env = p.Dir, p.Env }

// Path is that of a file in the project.
func (p *Project) Path(name string) string { return filepath.Join(p.Dir, name) }

// Read returns what is in a file.
func (p *Project) Read(name string) string {
	p.T.Helper()
	text, err := os.ReadFile(p.Path(name))
	if err != nil {
		p.T.Fatal(err)
	}
	return string(text)
}

// IsGone fails the test if something of these names is there.
func (p *Project) IsGone(names ...string) {
	p.T.Helper()
	for _, name := range names {
		if Exists(p.Path(name)) {
			p.T.Errorf("%s is there", name)
		}
	}
}

// Write writes a file.
func (p *Project) Write(name, text string) {
	p.T.Helper()
	Write(p.T, p.Dir, name, text)
}

// AwaitFile waits for a file that says that a script has come so far, and returns what is in it.
func (p *Project) AwaitFile(name string) string {
	p.T.Helper()
	return Find(p.T, "the file "+name, func() (string, bool) {
		text, err := os.ReadFile(p.Path(name))
		return string(text), err == nil && strings.HasSuffix(string(text), "\n")
	})
}

// Opened returns the address of the first socket that --info-file=info tells of.
func (p *Project) Opened() string {
	p.T.Helper()
	return p.Addresses()[0]
}

// Addresses returns all that --info-file=info tells of.
func (p *Project) Addresses() (found []string) {
	p.T.Helper()
	Await(p.T, "the info file", func() bool { return Exists(p.Path("info")) })
	var info struct{ Sockets []struct{ Address string } }
	if err := json.Unmarshal([]byte(p.Read("info")), &info); err != nil || len(info.Sockets) == 0 {
		p.T.Fatalf("info file %q: %v", p.Read("info"), err)
	}
	for _, socket := range info.Sockets {
		found = append(found, socket.Address)
	}
	return found
}

// Holders returns the processes that are holders of the project, also ones that are only starting.
func (p *Project) Holders() (pids []int) {
	for _, l := range listAll() {
		if argv := strings.Fields(l.args); len(argv) > 2 && argv[1] == "holder" && strings.Contains(l.args, p.Runtime+"/") {
			pids = append(pids, l.pid)
		}
	}
	return pids
}

// Holder returns the one holder of the project.
func (p *Project) Holder() int {
	p.T.Helper()
	pids := p.Holders()
	if len(pids) != 1 {
		p.T.Fatalf("the holders are %v, want one", pids)
	}
	return pids[0]
}

// AwaitNothing waits until no holder is left, and looks for what one could have left.
func (p *Project) AwaitNothing() {
	p.T.Helper()
	Await(p.T, "the holders to end", func() bool { return len(p.Holders()) == 0 })
	sockets := LeftIn(filepath.Join(p.Runtime, "systemfd"))
	held, _ := filepath.Glob(p.Path("*.sock"))
	if left := append(sockets, held...); len(left) > 0 {
		p.T.Errorf("%q is left over", left)
	}
}

// Held returns what systemfd status says is kept.
func (p *Project) Held() []Held {
	p.T.Helper()
	return ParseHeld(p.T, p.Run("status", "--json").Out)
}

// ParseHeld reads what systemfd status --json says.
func ParseHeld(t *testing.T, text string) []Held {
	t.Helper()
	var status struct{ Sockets []Held }
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		t.Fatalf("status is %q: %v", text, err)
	}
	return status.Sockets
}

// Keep is systemfd env for an owner; it returns the environment of a shell that has evaluated it.
func (p *Project) Keep(owner int, args ...string) (environ []string, got Outcome) {
	p.T.Helper()
	got = p.Run(append([]string{"env", "-q", "--json", "--owner", strconv.Itoa(owner)}, args...)...)
	if got.Status != 0 {
		return nil, got
	}
	return append(slices.Clone(p.Env), parseVariables(p.T, got.Out)...), got
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

// MustKeep is Keep that has to work.
func (p *Project) MustKeep(owner int, args ...string) []string {
	p.T.Helper()
	environ, got := p.Keep(owner, args...)
	if got.Status != 0 || got.Err != "" {
		p.T.Fatalf("systemfd env %q: status %d, %s", args, got.Status, got.Err)
	}
	return environ
}

// KeepHere keeps sockets for the test itself: the environment of the project names them.
func (p *Project) KeepHere(args ...string) {
	p.T.Helper()
	p.T.Cleanup(p.Stop)
	p.Env = p.MustKeep(os.Getpid(), args...)
}

// With runs systemfd in a shell that has evaluated systemfd env: a shell, which owns what has to be started again.
func (p *Project) With(environ []string, args ...string) Outcome {
	p.T.Helper()
	cmd := p.Command(append([]string{"sh", "-c", `systemfd "$@"; exit $?`, "sh"}, args...)...)
	cmd.Env = environ
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return Finish(p.T, cmd)
}

// Variable returns the last value in an environment.
func Variable(t *testing.T, environ []string, name string) string {
	t.Helper()
	for _, v := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	t.Fatalf("%s is not set", name)
	return ""
}

// AwaitHolders waits until there are so many holders.
func (p *Project) AwaitHolders(number int) {
	p.T.Helper()
	Await(p.T, fmt.Sprintf("%d holders", number), func() bool { return len(p.Holders()) == number })
}

// LeftIn returns what a directory of control sockets has, but for the marks of systemfd stop.
func LeftIn(dir string) []string {
	entries, _ := filepath.Glob(filepath.Join(dir, "*"))
	return slices.DeleteFunc(entries, func(path string) bool { return strings.HasSuffix(path, ".stopped") })
}

// Held is what systemfd status --json says of a socket.
type Held struct {
	Name, Address, Spec, Damage string
	Directory                   string // of the holder
	Owners, Users               []struct {
		PID  int
		Name string
	}
	Since   time.Time
	Waiting *int
	Holder  struct {
		Name string
		PID  int
	}
}
