//go:build unix

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// tmux runs it with a server of the project's own.
func tmux(p *testkit.Project, args ...string) (said string) {
	p.T.Helper()
	cmd := p.Command(append([]string{"tmux", "-L", "systemfd", "-f", os.DevNull}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.T.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// startTmux starts the server, which runs a shell for as long as the test does.
func startTmux(p *testkit.Project, shell string) (server int) {
	p.T.Helper()
	p.Env = append(p.Env, "TMUX_TMPDIR="+p.Home, "TMUX=")
	tmux(p, "new-session", "-d", "-s", "one", "-x", "200", "-y", "24", shell)
	server, err := strconv.Atoi(tmux(p, "display-message", "-p", "#{pid}"))
	if err != nil {
		p.T.Fatal(err)
	}
	p.T.Cleanup(func() {
		syscall.Kill(server, syscall.SIGKILL)
		testkit.Dies(p.T, server)
	})
	return server
}

// TestTmux keeps sockets for the shell of one window, and not for as long as tmux lives.
func TestTmux(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "tmux", "bash")
	needNames(t)
	p := testkit.NewProject(t)
	const shell = "exec bash --norc --noprofile"
	server := startTmux(p, shell)
	window := tmux(p, "new-window", "-d", "-P", "-F", "#{window_id}", shell)
	other := tmux(p, "new-window", "-d", "-P", "-F", "#{window_id}", shell)
	owner, err := strconv.Atoi(tmux(p, "display-message", "-p", "-t", window, "#{pane_pid}"))
	if err != nil {
		t.Fatal(err)
	}
	tmux(p, "send-keys", "-t", window, `eval "$(systemfd env `+claim+`)"; echo done >first`, "Enter")
	p.AwaitFile("first")
	holder := checkOwner(p, owner)

	tmux(p, "send-keys", "-t", other, `systemfd -- probe >probe 2>&1; echo done >second`, "Enter")
	p.AwaitFile("second") // it was not told of the sockets, and finds them by the directory
	testkit.Says(t, p.Read("probe"), "env LISTEN_FDNAMES=http:unix", fmt.Sprintf(`~> socket http://.*/ -> fd #3 \(kept open for bash, pid %d\)`, owner))
	tmux(p, "kill-window", "-t", other)
	if now := checkOwner(p, owner); now != holder {
		t.Errorf("the holder is %d, and was %d", now, holder)
	}
	tmux(p, "kill-window", "-t", window)
	p.AwaitNothing()
	if !process.IsAlive(server) {
		t.Error("tmux has ended")
	}
}
