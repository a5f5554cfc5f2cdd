//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestEvalFails has each shell evaluate what systemfd env prints if it fails: that fails too, and says why.
func TestEvalFails(t *testing.T) {
	t.Parallel()
	for _, s := range shells {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			taken := listen(t).Addr().String()
			exits := s.setup != "" || slices.Contains([]string{"tcsh", "nushell"}, s.name) // if a command fails
			got := script(p, s, s.evaluate("-s http::"+taken)+s.status+"\n")
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
			got = script(p, s, s.evaluate("-s http::"+taken)+s.status+"\n")
			if got.status != 0 || got.out != "status 1\n" {
				t.Errorf("without set -e: exit %d, it says %q", got.status, got.out)
			}
		})
	}
}

// script runs a shell to its end.
func script(p *project, s shell, script string) outcome {
	p.t.Helper()
	argv := s.command(p.t, p.dir, script)
	cmd := p.command(argv...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell with job control has it
	return finish(p.t, cmd)
}

// TestEnvFails looks at the two outputs of a systemfd env that fails: the code does nothing but fail, the message is on stderr.
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
				got := p.run(strings.Fields(d.env(test.flags))[1:]...)
				want := d.fail + "\n"
				switch {
				case test.name == "bad flag": // if the flags are wrong, --shell and --json may be, too
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
	got := p.run("env", "-s", "http::0", "--shell", "elvish")
	if got.status != 2 || got.out != "false;\n" {
		t.Errorf("exit %d, stdout %q", got.status, got.out)
	}
	says(t, got.err, `error: unknown shell "elvish"`, "hint: --shell takes .*fish.*--json")
	p.awaitNothing()
}

// TestEnvOnTerminal prints to a terminal, so that nothing evaluates the code.
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
				p := newProject(t)
				program := reader.command(t)
				script := s.evaluate("") + s.output("env -0", "seen") + "exec " + strings.Join(program, " ") + "\n"
				p.start(withSockets(append([]string{"sh", "-c", below, "sh"}, s.command(t, p.dir, script)...)...)...)
				pid, err := reader.ask(p.opened())
				if err != nil {
					t.Fatal(err)
				}
				text, err := os.ReadFile(p.path("seen"))
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
				got := p.run(append([]string{"-q", "-s", "0", "--", "env", "LISTEN_FDNAMES=" + name}, argv...)...)
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

// TestHolderOfTheFolder is shared by all terminals in a folder, and by no other folder.
func TestHolderOfTheFolder(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	one, endOne := sleeper(t)
	two, endTwo := sleeper(t)
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
	testkit.Await(t, "the owner to go", func() bool {
		owners := 0
		for _, s := range p.held() {
			owners += len(s.Owners)
		}
		return owners == 2
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
	here := p.run("env", "-s", "http::0", "--name", "shared")
	says(t, here.out, "export SYSTEMFD_HOLDER='"+p.runtime+"/systemfd/shared.sock';")
	if got := handOff(t, there, "env", "-s", "http::0", "--name", "shared"); got.out != here.out || len(p.holders()) != 1 {
		t.Errorf("another folder gets\n%snot\n%s", got.out, here.out)
	}
	if got := p.run("stop"); got.status != 1 || len(p.holders()) != 1 {
		t.Errorf("stop without a name: exit %d, %s", got.status, got.err)
	}
	if got := handOff(t, there, "stop", "shared"); got.status != 0 {
		t.Errorf("stop: exit %d, %s", got.status, got.err)
	}
	p.awaitNothing()

	p.run("env", "-s", "http::0", "--name", "shared")
	if got := handOff(t, there, "env", "--unset", "--name", "shared"); got.status != 0 {
		t.Errorf("--unset: exit %d, %s", got.status, got.err)
	}
	p.awaitNothing()
}
