//go:build unix

package main

import (
	"bytes"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// steadyShellTest is a script for bash, whose systemfd env is under way if it is killed.
type steadyShellTest struct {
	script string
	within time.Duration // of its start; 0 for a script that kills itself
}

var steadyShellTests = map[string]steadyShellTest{
	"kills itself":    {`systemfd env -q -s "$1" & kill -9 $$`, 0},
	"while it evals":  {`eval "$(systemfd env -q -s "$1")"; read -r line`, 30 * time.Millisecond},
	"with a pipeline": {`systemfd env -q -s "$1" | cat & wait; read -r line`, 30 * time.Millisecond},
	"below a script":  {`bash -c 'eval "$(systemfd env -q -s "$1")"; read -r line' bash "$1"; read -r line`, 40 * time.Millisecond},
}

// TestSteadyShellIsKilled kills shells whose systemfd env is under way: no other process becomes the owner.
func TestSteadyShellIsKilled(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "bash")
	for name, test := range steadyShellTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			address := testkit.FreePort(t)
			for begun, round := time.Now(), 0; round < 100 && time.Since(begun) < 20*time.Second; round++ {
				killShell(p, test.within, "bash", "-c", test.script, "bash", address)
				if checkOnlyBash(p); t.Failed() {
					t.Fatalf("that was round %d", round)
				}
				testkit.Await(t, "nothing to be kept", func() bool { return len(p.Held()) == 0 })
			}
			p.AwaitNothing()
			checkFree(t, address)
		})
	}
}

// checkOnlyBash looks whether no process but a shell is an owner.
func checkOnlyBash(p *testkit.Project) {
	p.T.Helper()
	for _, socket := range p.Held() {
		for _, owner := range socket.Owners {
			if owner.Name != "" && owner.Name != "bash" { // a dead one has no name
				p.T.Errorf("%s is kept for process %d, %s", socket.Address, owner.PID, owner.Name)
			}
		}
	}
}

// killShell runs a shell that leads a session, kills it within some time, and waits until all that it started has ended.
func killShell(p *testkit.Project, within time.Duration, argv ...string) {
	p.T.Helper()
	cmd := p.Command(argv...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		p.T.Fatal(err)
	}
	defer stdin.Close()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out // Wait waits for all who have it
	if err := cmd.Start(); err != nil {
		p.T.Fatal(err)
	}
	if within > 0 {
		time.Sleep(rand.N(within))
		cmd.Process.Kill()
		stdin.Close()
	}
	cmd.Wait()
}
