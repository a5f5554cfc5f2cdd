//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// claim is what these tests have kept open: a port, and a path that must not be left over.
const claim = "-s http::0 -s ./u.sock"

// checkOwner looks whether the sockets of claim are held, only for process owner, and returns their holder.
func checkOwner(p *testkit.Project, owner int) (holder int) {
	p.T.Helper()
	if sockets := p.Held(); len(sockets) != 2 {
		p.T.Fatalf("held is %v", sockets)
	}
	checkOwnersAre(p, owner)
	if _, err := os.Lstat(p.Path("u.sock")); err != nil {
		p.T.Error(err)
	}
	return p.Holder()
}

// checkOwnersAre looks whether every kept socket is kept for this process only.
func checkOwnersAre(p *testkit.Project, owner int) {
	p.T.Helper()
	for _, s := range p.Held() {
		if len(s.Owners) != 1 || s.Owners[0].PID != owner {
			p.T.Errorf("%s is kept for %v, want process %d", s.Address, s.Owners, owner)
		}
	}
}

// interactive are shells that somebody types into. Each may end in any of these ways.
var (
	interactive = []shell{
		{"bash", []string{"bash", "--norc", "--noprofile"}, quoted, ""},
		{"zsh", []string{"zsh", "-f"}, quoted, ""},
		{"fish", []string{"fish", "--no-config"}, fish, ""},
		{"tcsh", []string{"tcsh", "-f"}, csh, ""},
		{"dash", []string{"dash", "-i"}, quoted, ""},
		{"ksh", []string{"ksh"}, quoted, ""},
		{"mksh", []string{"mksh"}, quoted, ""},
		{"yash", []string{"yash", "--norc", "--noprofile"}, quoted, ""},
		{"busybox", []string{"busybox", "sh"}, quoted, ""},
	}
	endings = map[string]func(*testkit.Terminal){
		"exit":    func(s *testkit.Terminal) { s.Types("exit") },
		"hang-up": (*testkit.Terminal).HangUp,
		"kill":    func(s *testkit.Terminal) { syscall.Kill(s.PID, syscall.SIGKILL) },
	}
)

// TestInteractiveShellIsOwner has sockets kept for a shell on a terminal: as long as it lives, and no longer.
func TestInteractiveShellIsOwner(t *testing.T) {
	t.Parallel()
	for _, s := range interactive {
		for ending, end := range endings {
			t.Run(s.name+" "+ending, func(t *testing.T) {
				t.Parallel()
				testkit.Need(t, s.argv[0])
				p := testkit.NewProject(t)
				tty := p.Terminal(s.argv...)
				tty.Does(s.evaluate(claim))
				holder := checkOwner(p, tty.PID)

				tty.Does("sh -c 'systemfd -- probe >probe'") // a job comes and goes
				checkOwnPID(t, p.Read("probe"))
				testkit.Says(t, p.Read("probe"), "env LISTEN_FDNAMES=http:unix")
				if now := checkOwner(p, tty.PID); now != holder {
					t.Errorf("holder %d, then %d", holder, now)
				}
				end(tty)
				tty.AwaitEnd()
				p.AwaitNothing()
			})
		}
	}
}

// TestKeysDoNotReachTheHolder sends what the keys ^Z and ^\ send: a signal to all of the shell's process group.
func TestKeysDoNotReachTheHolder(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "bash")
	p := testkit.NewProject(t)
	tty := p.Terminal("bash", "--norc", "--noprofile")
	tty.Does(quoted.evaluate(claim))
	holder := checkOwner(p, tty.PID)
	for _, signal := range []syscall.Signal{syscall.SIGTSTP, syscall.SIGQUIT} {
		if err := syscall.Kill(-tty.PID, signal); err != nil {
			t.Fatal(err)
		}
		tty.Does("systemfd -- probe >probe")
		checkOwnPID(t, p.Read("probe"))
		if now := checkOwner(p, tty.PID); now != holder {
			t.Errorf("after %v the holder is %d, and was %d", signal, now, holder)
		}
	}
	tty.Types("exit")
	tty.AwaitEnd()
	p.AwaitNothing()
}

// keep is a script that has sockets kept, says for whom, and then stays until something is written to the fifo "gate".
const keep = `eval "$(systemfd env ` + claim + `)"
systemfd -- probe >probe
systemfd status >status
echo $$ >owner
cat gate
`

// keeper writes the script, and returns what lets it go on.
func keeper(p *testkit.Project) (release func()) {
	p.T.Helper()
	p.Write("keep", keep)
	if err := syscall.Mkfifo(p.Path("gate"), 0o600); err != nil {
		p.T.Fatal(err)
	}
	return func() {
		p.T.Helper()
		gate := testkit.Find(p.T, "the script to come to the gate", func() (*os.File, bool) {
			f, err := os.OpenFile(p.Path("gate"), os.O_WRONLY|syscall.O_NONBLOCK, 0)
			return f, err == nil
		})
		gate.Close()
	}
}

// checkKeeper looks whether the script is the owner, and was given the sockets; it returns the holder.
func checkKeeper(p *testkit.Project) (holder int) {
	p.T.Helper()
	owner, err := strconv.Atoi(strings.TrimSpace(p.AwaitFile("owner")))
	if err != nil {
		p.T.Fatal(err)
	}
	checkOwnPID(p.T, p.Read("probe"))
	return checkOwner(p, owner)
}

// TestScriptIsOwner runs a script from a shell on a terminal, which lives on.
func TestScriptIsOwner(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bash", "dash", "zsh", "ksh", "mksh", "yash"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Need(t, "bash", name)
			p := testkit.NewProject(t)
			release := keeper(p)
			tty := p.Terminal("bash", "--norc", "--noprofile")
			tty.Types(name + " ./keep")
			checkKeeper(p)
			release()
			p.AwaitNothing()
			tty.Does("true")
		})
	}
}

// TestMakeIsOwner: a recipe keeps sockets for the recipes after it. Each recipe has another shell.
func TestMakeIsOwner(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "bash", "make")
	p := testkit.NewProject(t)
	release := keeper(p)
	p.Write("Makefile", `all: first second
first:
	@eval "$$(systemfd env `+claim+`)"; systemfd -- probe >probe; echo $$PPID >owner
second: first
	@systemfd status --json >status-second
	@cat gate
`)
	tty := p.Terminal("bash", "--norc", "--noprofile")
	tty.Types("make")
	holder := checkKeeper(p)
	if second := testkit.ParseHeld(t, testkit.Find(t, "the second recipe", func() (string, bool) {
		text, err := os.ReadFile(p.Path("status-second"))
		return string(text), err == nil && bytes.HasSuffix(text, []byte("\n"))
	})); len(second) != 2 || second[0].Holder.PID != holder {
		t.Errorf("the second recipe finds %v, the holder was %d", second, holder)
	}
	release()
	p.AwaitNothing()
	tty.Does("true")
}

// logged starts a command whose output goes to the file log.
func logged(p *testkit.Project, cmd *exec.Cmd) {
	p.T.Helper()
	log, err := os.Create(p.Path("log"))
	if err != nil {
		p.T.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		p.T.Fatal(err)
	}
}

// detached runs a command without a terminal, in a session of its own, and returns what waits for its end.
func detached(p *testkit.Project, argv ...string) (wait func()) {
	p.T.Helper()
	cmd := p.Command(argv...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	logged(p, cmd)
	wait = sync.OnceFunc(func() { cmd.Wait() })
	p.T.Cleanup(func() {
		if p.T.Failed() {
			p.T.Logf("%q printed:\n%s", argv, p.Read("log"))
			cmd.Process.Kill()
		}
		wait()
	})
	return wait
}

// awaitLeader is a script that waits until the leader is gone.
const awaitLeader = `while kill -0 "$LEADER" 2>/dev/null; do sleep 0.01; done` + "\n"

var withoutTerminalTests = map[string][]string{
	"leads the session":    {"sh", "./keep"},
	"leads a group":        {"bash", "-c", "set -m; sh ./keep & wait"},
	"the leader has ended": {"sh", "-c", `LEADER=$$ sh ./orphan & exit`},
	"below setsid":         {"sh", "-c", "setsid --wait sh ./keep; true"},
	"below timeout":        {"sh", "-c", "timeout 60 sh ./keep; true"},
	"below nohup":          {"sh", "-c", "nohup setsid --wait sh ./keep <&- >/dev/null 2>&1; true"},
}

// TestOwnerWithoutTerminal keeps sockets for a script without a terminal and a shell above it: it leads the session, or the leader has
// ended.
func TestOwnerWithoutTerminal(t *testing.T) {
	t.Parallel()
	for name, argv := range withoutTerminalTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Need(t, "bash")
			if strings.HasPrefix(name, "below ") {
				testkit.LinuxOnly(t, "setsid --wait, and timeout as a part of the system")
				testkit.Need(t, "setsid", "timeout")
			}
			p := testkit.NewProject(t)
			release := keeper(p)
			p.Write("orphan", awaitLeader+". ./keep")
			wait := detached(p, argv...)
			if name == "the leader has ended" {
				wait() // or it stays as a zombie
			}
			if name == "below timeout" { // which makes itself the leader
				checkTimeout(p)
			} else {
				checkKeeper(p)
			}
			release()
			p.AwaitNothing()
			wait()
		})
	}
}

// checkTimeout looks whether timeout(1) is the owner, once the script has come to the gate.
func checkTimeout(p *testkit.Project) {
	p.T.Helper()
	sockets := testkit.Find(p.T, "the sockets", func() ([]testkit.Held, bool) {
		sockets := p.Held()
		return sockets, len(sockets) == 2
	})
	if owner := sockets[0].Owners; len(owner) != 1 || owner[0].Name != "timeout" {
		p.T.Errorf("the owner is %v", owner)
	}
	p.AwaitFile("owner")
}

// TestDeadLeaderIsNoOwner has the leader of the group ended, but not waited for: its parent is we.
func TestDeadLeaderIsNoOwner(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	release := keeper(p)
	p.Write("orphan", `until ps -o state= -p "$LEADER" | grep -q '^Z'; do sleep 0.01; done
. ./keep`)
	wait := detached(p, "sh", "-c", "LEADER=$$ sh ./orphan & exit")
	checkKeeper(p)
	release()
	p.AwaitNothing()
	wait()
}

// TestSessionLeaderIsOwner has the leader of the group ended, and a leader of the session that lives.
func TestSessionLeaderIsOwner(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "bash")
	p := testkit.NewProject(t)
	release := keeper(p)
	p.Write("orphan", awaitLeader+`eval "$(systemfd env `+claim+`)"
systemfd -- probe >probe
echo $SESSION >owner
`)
	wait := detached(p, "bash", "-c", `
		export SESSION=$$
		set -m
		bash -c 'LEADER=$$ bash ./orphan & exit' & wait
		cat gate`)
	holder := checkKeeper(p)
	testkit.Await(t, "the script to end", func() bool { return !isRunning(p, "./orphan") })
	if p.Holder() != holder {
		t.Errorf("the holder is %d, and was %d", p.Holder(), holder)
	}
	release()
	p.AwaitNothing()
	wait()
}

// isRunning reports whether a process in the project has something in its arguments.
func isRunning(p *testkit.Project, argument string) bool {
	return slices.ContainsFunc(testkit.ProcessesIn(p.Dir), func(pid int) bool {
		return strings.Contains(testkit.Arguments(pid), argument)
	})
}

// TestNamedOwner keeps sockets for another process than the default owner, and closes them for that one.
func TestNamedOwner(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	pid, end := testkit.Owner(t)
	envFor(p, pid, strings.Fields(claim)...)
	checkOwner(p, pid)
	if got := p.Run("env", "--unset"); got.Status != 0 { // for the default owner, who has claimed nothing
		t.Errorf("exit %d: %s", got.Status, got.Err)
	}
	checkOwner(p, pid)
	envFor(p, pid, "--unset")
	p.AwaitNothing()
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		t.Error("the owner has ended")
	}

	envFor(p, pid, strings.Fields(claim)...)
	checkOwner(p, pid)
	end()
	p.AwaitNothing()
}
