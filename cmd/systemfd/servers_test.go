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

var servers = []testkit.Server{
	libsystemd,
	goSystemd,
	{
		Name: "python3-systemd",
		Want: names,
		Command: func(t *testing.T) []string {
			const python = "/usr/bin/python3" // the one that Debian's package is for
			testkit.Need(t, python)
			if exec.Command(python, "-c", "import systemd.daemon").Run() != nil {
				testkit.Lacks(t, "python3-systemd")
			}
			return []string{python, source(t, "python_systemd.py")}
		},
	},
	{
		Name:    "Go FileListener",
		Line:    true,
		Want:    "hello",
		Command: func(*testing.T) []string { return []string{"probe", "serve"} },
	},
	{
		Name: "node",
		Command: func(t *testing.T) []string {
			testkit.Need(t, "node")
			return []string{"node", source(t, "node.js")}
		},
	},
	gunicorn,
	{
		Name:    "nginx",
		Forks:   true,
		Flags:   []string{"--nonblock"}, // it leaves passed sockets as they are, and expects that
		Prepare: writeNginxConf,
		Command: func(t *testing.T) []string {
			testkit.Need(t, "nginx")
			return []string{"sh", "-c", `
				until test -e nginx.conf; do sleep 0.01; done
				NGINX="3;" exec nginx -e stderr -p "$PWD" -c nginx.conf`}
		},
	},
}

var gunicorn = testkit.Server{
	Name:  "gunicorn",
	Forks: true,
	Command: func(t *testing.T) []string {
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
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			command, p := s.Command(t), testkit.NewProject(t)
			loop := []string{"sh", "-c", `while :; do systemfd ` + strings.Join(s.Flags, " ") + ` -- "$@"; done`, "sh"}
			p.Start(withSockets(append(loop, command...)...)...)
			address := p.Opened()
			if s.Prepare != nil {
				s.Prepare(t, p.Dir, address)
			}
			s.Restarts(t, address)
		})
	}
}

// TestNonblockIsCleared has gunicorn leave O_NONBLOCK on the socket, and then a server whose accept(2) must wait.
func TestNonblockIsCleared(t *testing.T) {
	t.Parallel()
	blocking := libsystemd.Command(t)
	command, p := gunicorn.Command(t), testkit.NewProject(t)
	sequence := `systemfd -- "$@"; probe >between; while :; do systemfd -- ` + blocking[0] + `; done`
	p.Start(withSockets(append([]string{"sh", "-c", sequence, "sh"}, command...)...)...)
	address := p.Opened()

	worker, err := gunicorn.Ask(address)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Kill(t, gunicorn.Process(worker))
	pid, err := libsystemd.Ask(address) // it answers "blocking"
	if err != nil {
		t.Fatal(err)
	}
	if again, err := libsystemd.Ask(address); err != nil || again != pid {
		t.Errorf("after the first request process %d answers, not %d: %v", again, pid, err)
	}
	between, err := os.ReadFile(p.Path("between"))
	if err != nil || !strings.Contains(string(between), " nonblocking "+address) {
		t.Errorf("gunicorn does not leave O_NONBLOCK on %s, so this shows nothing: %v\n%s", address, err, between)
	}
}
