//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

var servers = []server{
	libsystemd,
	goSystemd,
	{
		name: "python3-systemd",
		want: names,
		command: func(t *testing.T) []string {
			const python = "/usr/bin/python3" // the one that Debian's package is for
			testkit.Need(t, python)
			if exec.Command(python, "-c", "import systemd.daemon").Run() != nil {
				testkit.Lacks(t, "python3-systemd")
			}
			return []string{python, source(t, "python_systemd.py")}
		},
	},
	{
		name:    "Go FileListener",
		line:    true,
		want:    "hello",
		command: func(*testing.T) []string { return []string{"probe", "serve"} },
	},
	{
		name: "node",
		command: func(t *testing.T) []string {
			testkit.Need(t, "node")
			return []string{"node", source(t, "node.js")}
		},
	},
	gunicorn,
	{
		name:    "nginx",
		forks:   true,
		flags:   []string{"--nonblock"}, // it leaves passed sockets as they are, and expects that
		prepare: writeNginxConf,
		command: func(t *testing.T) []string {
			testkit.Need(t, "nginx")
			return []string{"sh", "-c", `
				until test -e nginx.conf; do sleep 0.01; done
				NGINX="3;" exec nginx -e stderr -p "$PWD" -c nginx.conf`}
		},
	},
}

var gunicorn = server{
	name:  "gunicorn",
	forks: true,
	command: func(t *testing.T) []string {
		testkit.Need(t, "gunicorn")
		return []string{"gunicorn", "--pythonpath", source(t, ""), "gunicorn_app:app"}
	},
}

func writeNginxConf(t *testing.T, dir, address string) {
	template, err := os.ReadFile(source(t, "nginx.conf"))
	if err != nil {
		t.Fatal(err)
	}
	temp, conf := filepath.Join(dir, "temp"), filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(temp, []byte(strings.Replace(string(template), "ADDRESS", address, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temp, conf); err != nil {
		t.Fatal(err)
	}
}

// TestServers runs each server in a shell's loop: killed, it comes back at the same address.
func TestServers(t *testing.T) {
	t.Parallel()
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			command, p := s.command(t), newProject(t)
			loop := []string{"sh", "-c", `while :; do systemfd ` + strings.Join(s.flags, " ") + ` -- "$@"; done`, "sh"}
			p.start(withSockets(append(loop, command...)...)...)
			address := p.opened()
			if s.prepare != nil {
				s.prepare(t, p.dir, address)
			}
			s.restarts(t, address)
		})
	}
}

// TestNonblockIsCleared has gunicorn leave O_NONBLOCK on the socket, and then a server whose accept(2) must wait.
func TestNonblockIsCleared(t *testing.T) {
	t.Parallel()
	blocking := libsystemd.command(t)
	command, p := gunicorn.command(t), newProject(t)
	sequence := `systemfd -- "$@"; probe >between; while :; do systemfd -- ` + blocking[0] + `; done`
	p.start(withSockets(append([]string{"sh", "-c", sequence, "sh"}, command...)...)...)
	address := p.opened()

	worker, err := gunicorn.ask(address)
	if err != nil {
		t.Fatal(err)
	}
	kill(t, gunicorn.process(t, worker))
	pid, err := libsystemd.ask(address) // it answers "blocking"
	if err != nil {
		t.Fatal(err)
	}
	if again, err := libsystemd.ask(address); err != nil || again != pid {
		t.Errorf("after the first request process %d answers, not %d: %v", again, pid, err)
	}
	between, err := os.ReadFile(p.path("between"))
	if err != nil || !strings.Contains(string(between), " nonblocking "+address) {
		t.Errorf("gunicorn does not leave O_NONBLOCK on %s, so this shows nothing: %v\n%s", address, err, between)
	}
}
