//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux, which has pid namespaces.

// inPIDNamespace is a command below another process 1, which sees neither the leader of its group nor of its session.
func inPIDNamespace(t *testing.T, command ...string) []string {
	t.Helper()
	testkit.Need(t, "unshare")
	unshare := []string{"unshare", "--fork", "--pid", "--mount-proc", "--kill-child"}
	if out, err := exec.Command(unshare[0], append(unshare[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("no pid namespace here: %v: %s", err, out)
	}
	return append(unshare, command...)
}

// TestOwnerInPIDNamespace keeps sockets for a script below process 1 of a pid namespace.
func TestOwnerInPIDNamespace(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	release := keeper(p)
	wait := detached(p, inPIDNamespace(t, "sh", "-c", "sh ./keep; until test -e finish; do sleep 0.01; done")...)
	checkKeeper(p)
	release()
	p.AwaitNothing() // while process 1 lives
	p.Write("finish", "")
	wait()
}

// TestAnotherPIDNamespace shares a runtime directory with a pid namespace: a process there, whose ID means another
// process to the holder, is refused.
func TestAnotherPIDNamespace(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	environ := p.MustKeep(owner, "-s", "http::0")
	argv := inPIDNamespace(t, "sh", "-c", "systemfd env -s http::0 --owner 1; systemfd -- true; echo status $?")
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = p.Dir, environ
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	refused := `error: process \d+ is process \d+ here: it is in another pid namespace than the holder`
	testkit.Says(t, string(text), "false;", refused, "hint: set XDG_RUNTIME_DIR to a directory that is not shared with it", "status 125")
	if n := len(regexp.MustCompile(refused).FindAll(text, -1)); n != 2 {
		t.Errorf("%d are refused, want 2:\n%s", n, text)
	}
	checkOwnersAre(p, owner)
	end()
	p.AwaitNothing()
}

// TestInitIsOwner keeps sockets for process 1 itself, until stop.
func TestInitIsOwner(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	release := keeper(p)
	wait := detached(p, inPIDNamespace(t, "sh", "-c", ". ./keep; systemfd stop; systemfd status >status-after; cat gate")...)
	checkOwnerAfter(p, 1)
	release()
	if after := p.AwaitFile("status-after"); after != "nothing is kept open\n" {
		t.Errorf("after stop, status is %q", after)
	}
	p.AwaitNothing()
	release()
	wait()
}

// TestInitEnds keeps sockets for process 1, until the kernel ends the whole namespace.
func TestInitEnds(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	release := keeper(p)
	wait := detached(p, inPIDNamespace(t, "sh", "-c", ". ./keep")...)
	checkOwnerAfter(p, 1)
	release()
	wait()
	testkit.Await(t, "the holder to be killed", func() bool { return len(p.Holders()) == 0 })

	got := p.Run(append([]string{"env"}, strings.Fields(claim)...)...) // in place of what it could not remove
	if got.Status != 0 {
		t.Errorf("afterwards: exit %d, %s", got.Status, got.Err)
	}
	p.Holder()
	p.Stop()
}

// checkOwnerAfter is checkOwner once the script has come to the gate.
func checkOwnerAfter(p *testkit.Project, owner int) {
	p.T.Helper()
	p.AwaitFile("owner")
	checkOwner(p, owner)
}

// TestStayAsInit: process 1 of a pid namespace has no default actions; a signal ends it all the same, as a shell says it.
func TestStayAsInit(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"--lazy", "--accept"} {
		for signal, want := range map[syscall.Signal]string{syscall.SIGTERM: "143", syscall.SIGHUP: "129", syscall.SIGINT: "130"} {
			t.Run(fmt.Sprint(form, " ", signal), func(t *testing.T) {
				t.Parallel()
				p := testkit.NewProject(t)
				script := "trap '' HUP INT TERM; exec env --default-signal=HUP,INT,TERM systemfd -q " + form + " -s ./a.sock --info-file info -- cat"
				l := p.Launch(inPIDNamespace(t, "sh", "-c", script)...)
				p.Opened()
				for child := range testkit.Children(l.Process.Pid) { // of unshare, which has this one
					sendTo(t, child, signal)
				}
				if got := l.AwaitEnd(); got != want {
					t.Errorf("it ends with %s, want %s", got, want)
				}
				p.IsGone("a.sock", "info")
			})
		}
	}
}
