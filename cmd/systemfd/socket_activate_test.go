//go:build linux

package main

import (
	"slices"
	"syscall"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux, which has systemd-socket-activate(1).

// activate is systemd's own tool, which gives its child none of its environment but what it is told.
var activate = []string{"systemd-socket-activate", "-E", "PATH", "--fdname=" + names}

// TestBelowSystemdSocketActivate takes over what systemd's own tool has opened.
func TestBelowSystemdSocketActivate(t *testing.T) {
	t.Parallel()
	testkit.Need(t, activate[0])
	for _, s := range strict {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			command, p, address := s.Command(t), testkit.NewProject(t), testkit.FreePort(t)
			argv := append(activate[:len(activate):len(activate)], "-l", address, "-l", p.Dir+"/ctl", "systemfd", "--")
			p.Start(append(append(argv, shellLoop...), command...)...)
			testkit.AwaitListener(t, address)
			s.Restarts(t, address)
		})
	}
}

// TestAboveSystemdSocketActivate hands sockets to systemd's own tool, which passes them on.
func TestAboveSystemdSocketActivate(t *testing.T) {
	t.Parallel()
	testkit.Need(t, activate[0])
	for _, s := range strict {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			command, p := s.Command(t), testkit.NewProject(t)
			p.Start(withSockets(append(activate[:len(activate):len(activate)], command...)...)...)
			if _, err := s.Ask(p.Opened()); err != nil {
				t.Error(err)
			}
		})
		t.Run(s.Name+" in a loop", func(t *testing.T) {
			t.Parallel()
			command, p := s.Command(t), testkit.NewProject(t)
			p.Start(withSockets(append(append(activate[:len(activate):len(activate)], shellLoop...), command...)...)...)
			s.Restarts(t, p.Opened())
		})
	}
}

// TestHoldBelowSystemdSocketActivate holds what systemd's own tool has opened, for a launcher that closes it.
func TestHoldBelowSystemdSocketActivate(t *testing.T) {
	t.Parallel()
	testkit.Need(t, activate[0], "python3")
	for _, s := range strict {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			checkHoldBelowActivate(t, s)
		})
	}
}

func checkHoldBelowActivate(t *testing.T, s testkit.Server) {
	t.Helper()
	p, address := testkit.NewProject(t), testkit.FreePort(t)
	p.Write("watched", "")
	p.Start(slices.Concat(activate, []string{
		"-E", "XDG_RUNTIME_DIR", "-l", address, "-l", p.Dir + "/ctl",
		"systemfd", "--hold", "--", "python3", source(t, "watcher.py"), "exec systemfd -- " + s.Command(t)[0],
	})...)
	testkit.AwaitListener(t, address)
	pid := restartByFile(t, p.Dir, s, address, s.MustAsk(t, address))

	sockets := p.Held()
	if len(sockets) != 2 || sockets[0].Address != address {
		t.Fatalf("what is held is %+v", sockets)
	}
	sendTo(t, sockets[0].Owners[0].PID, syscall.SIGKILL)
	awaitNoOwner(p)
	testkit.Kill(t, s.Process(pid))
	testkit.Dies(t, sockets[0].Holder.PID)
	if !testkit.Exists(p.Path("ctl")) {
		t.Error("the path was there before us, and is gone")
	}
}
