//go:build unix

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestEvalFails has each shell evaluate what systemfd env prints if it fails: that fails too, and says why.
func TestEvalFails(t *testing.T) {
	t.Parallel()
	for _, s := range shells {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			taken := listen(t).Addr().String()
			got := script(p, s, s.evaluate("-s http::"+taken)+s.status+"\n")
			s.checkFailed(t, got)
			testkit.Says(t, got.Err, "error: "+taken+" is in use.*", "hint: .*")
			if strings.Count(got.Err, "error: ") != 1 {
				t.Errorf("stderr has %q", got.Err)
			}

			if !strings.HasPrefix(s.setup, "set -eu") {
				return
			}
			s.setup = strings.Replace(s.setup, "set -eu", "set -u", 1)
			got = script(p, s, s.evaluate("-s http::"+taken)+s.status+"\n")
			if got.Status != 0 || got.Out != "status 1\n" {
				t.Errorf("without set -e: exit %d, it says %q", got.Status, got.Out)
			}
		})
	}
}

// checkFailed looks whether the shell ended at the command that failed, or else went on and told the status.
func (s shell) checkFailed(t *testing.T, got testkit.Outcome) {
	t.Helper()
	exits := s.setup != "" || slices.Contains([]string{"tcsh", "xonsh", "elvish", "nushell"}, s.name) // if a command fails
	if exits && (got.Status == 0 || got.Out != "") {
		t.Errorf("exit %d, and then %q", got.Status, got.Out)
	}
	if !exits && got.Out != "status 1\n" {
		t.Errorf("it says %q", got.Out)
	}
}

// script runs a shell to its end.
func script(p *testkit.Project, s shell, script string) testkit.Outcome {
	p.T.Helper()
	argv := s.command(p.T, p.Dir, script)
	cmd := p.Command(argv...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell with job control has it
	return testkit.Finish(p.T, cmd)
}

// envFailsTest is a systemfd env that fails.
type envFailsTest struct {
	name, flags, err string
	status           int
	prepare          func(p *testkit.Project) error
}

var envFailsTests = []envFailsTest{
	{"bad socket", "-s bad::0", `bad socket "bad::0": unknown type "bad"`, 2, nil},
	{"bad flag", "-s http::0 --sell fish", `unknown flag "--sell".*`, 2, nil},
	{"no sockets", "", "this shell was started without sockets", 1, nil},
	{"no directory", "-s ./nowhere/a.sock", ".*nowhere.*", 1, nil},
	{"no owner", "-s http::0 --owner 2147483647", "there is no process 2147483647 to own the sockets", 1, nil},
	{"bad name", "-s http::0 --name a/b", `bad holder name "a/b"`, 1, nil},
	{"unsafe directory", "-s http::0", `directory ".*" is not safe: .*`, 1, func(p *testkit.Project) error {
		return os.Symlink(p.Home, filepath.Join(p.Runtime, "systemfd"))
	}},
	{"one of two in use", "-s ./a.sock -s ./taken", `.*/taken is in use.*`, 1, func(p *testkit.Project) error {
		l, err := net.Listen("unix", p.Path("taken"))
		if err == nil {
			p.T.Cleanup(func() { l.Close() })
		}
		return err
	}},
}

// TestEnvFails looks at the two outputs of a systemfd env that fails: the code only fails, and the message is on stderr.
func TestEnvFails(t *testing.T) {
	t.Parallel()
	for _, test := range envFailsTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, d := range []dialect{quoted, fish, csh, powershell, xonsh, elvish, dotenv, nu} {
				if d == dotenv && test.flags == "" { // it has no shell that could have sockets
					continue
				}
				p := testkit.NewProject(t)
				if test.prepare != nil {
					if err := test.prepare(p); err != nil {
						t.Fatal(err)
					}
				}
				test.check(p, d)
				if test.name == "unsafe directory" {
					os.Remove(filepath.Join(p.Runtime, "systemfd"))
				}
				p.AwaitNothing()
			}
		})
	}
}

// check runs it for a dialect.
func (test envFailsTest) check(p *testkit.Project, d dialect) {
	p.T.Helper()
	got := p.Run(strings.Fields(d.env(test.flags))[1:]...)
	want := d.fail + "\n"
	switch {
	case test.name == "bad flag" && d == nu: // --json may be wrong, too
		want = "false;\n"
	case d.fail == "":
		want = ""
	}
	if got.Out != want || got.Status != test.status {
		p.T.Errorf("%q: exit %d, stdout %q, want %q", d.name, got.Status, got.Out, want)
	}
	if !regexp.MustCompile(`\Aerror: ` + test.err + `\n(hint: .*\n)?\z`).MatchString(got.Err) {
		p.T.Errorf("%s: stderr is %q", d.name, got.Err)
	}
}

// TestUnknownShell names the shells that there are.
func TestUnknownShell(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	got := p.Run("env", "-s", "http::0", "--shell", "rc")
	if got.Status != 2 || got.Out != "false;\n" {
		t.Errorf("exit %d, stdout %q", got.Status, got.Out)
	}
	testkit.Says(t, got.Err, `error: unknown shell "rc"`, "hint: --shell takes .*fish.*--json")
	p.AwaitNothing()
}

// belowShell is a command in a shell that was started with the sockets of withSockets, and has LISTEN_* of another process.
func belowShell(command ...string) []string {
	return withSockets(append([]string{"sh", "-c", `LISTEN_PIDFDID=7 LISTEN_PID=1 "$@"; echo "ended: $?"`, "sh"}, command...)...)
}

// TestEnvOfThisShell sets LISTEN_PID for a shell below another one that was started with sockets. Its script ends in the exec of a
// strict reader.
func TestEnvOfThisShell(t *testing.T) {
	t.Parallel()
	for _, s := range shells {
		for _, reader := range strict {
			t.Run(s.name+" "+reader.Name, func(t *testing.T) {
				t.Parallel()
				p := testkit.NewProject(t)
				script := s.evaluate("") + s.output("probe environment", "seen") + "exec " + strings.Join(reader.Command(t), " ") + "\n"
				p.Start(belowShell(s.command(t, p.Dir, script)...)...)
				pid, err := reader.Ask(p.Opened())
				if err != nil {
					t.Fatal(err)
				}
				seen := environment(p.Read("seen"))
				if seen["LISTEN_PID"] != fmt.Sprint(pid) {
					t.Errorf("LISTEN_PID is %q, the reader %d", seen["LISTEN_PID"], pid)
				}
				if value, ok := seen["LISTEN_PIDFDID"]; ok {
					t.Errorf("LISTEN_PIDFDID is %q", value)
				}
			})
		}
	}
}

// TestNoEnvOfThisShell: without systemfd env, strict readers refuse the sockets.
func TestNoEnvOfThisShell(t *testing.T) {
	t.Parallel()
	for _, reader := range strict {
		t.Run(reader.Name, func(t *testing.T) {
			t.Parallel()
			got := testkit.HandOff(t, nil, belowShell(reader.Command(t)...)[1:]...)
			if testkit.Says(t, got.Out, "ended: [1-9].*"); got.Status != 0 {
				t.Errorf("exit %d: %s", got.Status, got.Err)
			}
		})
	}
}

var namesThatAreCode = []string{
	"x';touch<pwned>pwned;'", "it's", "$(touch$IFS'pwned')", "`touch$IFS'pwned'`", `\';touch>pwned;'\`, "!x", `"`, "a\u2019;touch",
}

// utf8Locale sets a UTF-8 locale that the system has.
func utf8Locale() string {
	if runtime.GOOS == "darwin" {
		return "LC_ALL=en_US.UTF-8"
	}
	return "LC_ALL=C.UTF-8"
}

// TestNamesAreQuoted has a parent pass names that would be code if they were not quoted, in every shell.
func TestNamesAreQuoted(t *testing.T) {
	t.Parallel()
	for _, s := range shells {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			p.Env = append(p.Env, utf8Locale()) // fish and yash read letters, not bytes
			for _, name := range namesThatAreCode {
				argv := s.command(t, p.Dir, s.evaluate("")+s.output("probe", "probe"))
				got := p.Run(append([]string{"-q", "-s", "0", "--", "env", "LISTEN_FDNAMES=" + name}, argv...)...)
				switch {
				case strings.Contains(got.Err, "no matches found"): // zsh with globsubst, unquoted: it refuses
				case got.Status != 0:
					t.Errorf("%q: exit %d, %s", name, got.Status, got.Err)
				default:
					testkit.Says(t, p.Read("probe"), "env LISTEN_FDNAMES="+regexp.QuoteMeta(name))
				}
				if _, err := os.Lstat(p.Path("pwned")); err == nil {
					t.Fatalf("%q ran as code", name)
				}
			}
		})
	}
}

// TestHolderOfTheFolder is shared by all terminals in a directory, and by no other directory.
func TestHolderOfTheFolder(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	one, endOne := testkit.Owner(t)
	two, endTwo := testkit.Owner(t)
	first := envFor(p, one, "-s", "http::0")
	holder := p.Holder()
	if second := envFor(p, two, "-s", "http::0"); second != first {
		t.Errorf("the second terminal gets\n%snot\n%s", second, first)
	}
	link := filepath.Join(p.Home, "link")
	if err := os.Symlink(p.Dir, link); err != nil {
		t.Fatal(err)
	}
	if second := envFor(p.At(link), two, "-s", "http::0"); second != first {
		t.Errorf("by a symbolic link it gets\n%snot\n%s", second, first)
	}
	elsewhere := envFor(p.At(p.Home), two, "-s", "http::0")
	if elsewhere == first || len(p.Holders()) != 2 {
		t.Errorf("another directory gets\n%sand the holders are %v", elsewhere, p.Holders())
	}
	if sockets := p.Held(); len(sockets) != 2 {
		t.Errorf("held is %v", sockets)
	}

	endOne()
	testkit.Await(t, "the owner to go", func() bool { return ownersIn(p.Held()) == 2 })
	if !slices.Contains(p.Holders(), holder) {
		t.Error("with one of its two owners the holder ended")
	}
	endTwo()
	p.AwaitNothing()
}

// envFor returns the code that systemfd env prints for an owner.
func envFor(p *testkit.Project, owner int, flags ...string) (code string) {
	p.T.Helper()
	got := p.Run(append([]string{"env", "--owner", strconv.Itoa(owner)}, flags...)...)
	if got.Status != 0 {
		p.T.Fatalf("exit %d: %s", got.Status, got.Err)
	}
	return got.Out
}

// ownersIn counts the owners of all sockets.
func ownersIn(sockets []testkit.Held) (owners int) {
	for _, s := range sockets {
		owners += len(s.Owners)
	}
	return owners
}

// TestNamedHolder is shared by directories.
func TestNamedHolder(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	there := p.At(p.Home)
	here := p.Run("env", "-s", "http::0", "--name", "shared")
	testkit.Says(t, here.Out, "export SYSTEMFD_HOLDER='"+p.Runtime+"/systemfd/shared.sock';")
	if got := there.Run("env", "-s", "http::0", "--name", "shared"); got.Out != here.Out || len(p.Holders()) != 1 {
		t.Errorf("another directory gets\n%snot\n%s", got.Out, here.Out)
	}
	if got := p.Run("stop"); got.Status != 1 || len(p.Holders()) != 1 {
		t.Errorf("stop without a name: exit %d, %s", got.Status, got.Err)
	}
	if got := there.Run("stop", "shared"); got.Status != 0 {
		t.Errorf("stop: exit %d, %s", got.Status, got.Err)
	}
	p.AwaitNothing()

	p.Run("env", "-s", "http::0", "--name", "shared")
	if got := there.Run("env", "--unset", "--name", "shared"); got.Status != 0 {
		t.Errorf("--unset: exit %d, %s", got.Status, got.Err)
	}
	p.AwaitNothing()
}
