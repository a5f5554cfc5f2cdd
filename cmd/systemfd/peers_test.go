//go:build linux

package main

import (
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// activate is systemd's own tool, which gives its child none of its environment but what it is told.
var activate = []string{"systemd-socket-activate", "-E", "PATH", "--fdname=" + names}

// TestBelowSystemdSocketActivate takes over what systemd's own tool has opened.
func TestBelowSystemdSocketActivate(t *testing.T) {
	t.Parallel()
	testkit.Need(t, activate[0])
	for _, s := range strict {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			command, p, address := s.command(t), newProject(t), freePort(t)
			argv := append(activate[:len(activate):len(activate)], "-l", address, "-l", p.dir+"/ctl", "systemfd", "--")
			p.start(append(append(argv, shellLoop...), command...)...)
			awaitListener(t, address)
			s.restarts(t, address)
		})
	}
}

// TestAboveSystemdSocketActivate hands sockets to systemd's own tool, which passes them on.
func TestAboveSystemdSocketActivate(t *testing.T) {
	t.Parallel()
	testkit.Need(t, activate[0])
	for _, s := range strict {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			command, p := s.command(t), newProject(t)
			p.start(withSockets(append(activate[:len(activate):len(activate)], command...)...)...)
			if _, err := s.ask(p.opened()); err != nil {
				t.Error(err)
			}
		})
		t.Run(s.name+" in a loop", func(t *testing.T) {
			t.Parallel()
			command, p := s.command(t), newProject(t)
			p.start(withSockets(append(append(activate[:len(activate):len(activate)], shellLoop...), command...)...)...)
			s.restarts(t, p.opened())
		})
	}
}

