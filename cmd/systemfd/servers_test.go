//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	// testdata/servers/gosystemd needs it, and go mod tidy does not look there.
	_ "github.com/coreos/go-systemd/v22/activation"

	"github.com/systemfd/systemfd/internal/testkit"
)

// names is what every strict reader finds in LISTEN_FDNAMES.
const names = "app:ctl"

// shellLoop restarts a server for as long as it lives: a shell with these arguments, then the server's.
var shellLoop = []string{"sh", "-c", `while :; do systemfd -- "$@"; done`, "sh"}

// withSockets is a command below a systemfd that opens "app", an HTTP port, and "ctl", and writes the info file.
func withSockets(command ...string) []string {
	return append([]string{"systemfd", "-s", "app=http::0", "-s", "ctl=unix::./ctl", "--info-file", "info", "--"}, command...)
}

// source returns the absolute path of a file in testdata/servers.
func source(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "servers", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// build has a compiler, whose last argument is the output, make a program in bin.
func build(name string, compiler ...string) (program string, err error) {
	program = filepath.Join(bin, name)
	out, err := exec.Command(compiler[0], append(compiler[1:], program)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%q: %w\n%s", compiler, err, out)
	}
	return program, nil
}

var buildLibsystemd = sync.OnceValues(func() (string, error) {
	return build("libsystemd", "gcc", "-Wall", "-Wextra", "-Werror", "testdata/servers/libsystemd.c", "-lsystemd", "-o")
})

var buildGoSystemd = sync.OnceValues(func() (string, error) {
	return build("gosystemd", "go", "build", "-C", "testdata/servers/gosystemd", "-o")
})

// libsystemd is a server in C, which asks sd_listen_fds_with_names(3), and blocks.
var libsystemd = testkit.Server{
	Name: "libsystemd",
	Want: names + " blocking",
	Command: func(t *testing.T) []string {
		testkit.Need(t, "gcc")
		if exec.Command("gcc", "-E", "-include", "systemd/sd-daemon.h", "-x", "c", os.DevNull).Run() != nil {
			testkit.Lacks(t, "libsystemd-dev")
		}
		program, err := buildLibsystemd()
		if err != nil {
			t.Fatal(err)
		}
		return []string{program}
	},
}

// goSystemd is a server in Go, which asks activation.ListenersWithNames of go-systemd.
var goSystemd = testkit.Server{
	Name: "go-systemd",
	Want: names,
	Command: func(t *testing.T) []string {
		program, err := buildGoSystemd()
		if err != nil {
			t.Fatal(err)
		}
		return []string{program}
	},
}

// strict readers refuse if LISTEN_PID is not their own process.
var strict = []testkit.Server{libsystemd, goSystemd}

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
	node,
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

var node = testkit.Server{
	Name: "node",
	Command: func(t *testing.T) []string {
		testkit.Need(t, "node")
		return []string{"node", source(t, "node.js")}
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

// TestNonblockIsCleared: gunicorn leaves O_NONBLOCK on the socket. Then comes a server whose accept(2) must wait.
func TestNonblockIsCleared(t *testing.T) {
	t.Parallel()
	blocking := libsystemd.Command(t)
	command, p := gunicorn.Command(t), testkit.NewProject(t)
	sequence := `systemfd -- "$@"; probe >between; while :; do systemfd -- ` + blocking[0] + `; done`
	p.Start(withSockets(append([]string{"sh", "-c", sequence, "sh"}, command...)...)...)
	address := p.Opened()

	testkit.Kill(t, gunicorn.Process(gunicorn.MustAsk(t, address)))
	pid := libsystemd.MustAsk(t, address) // it answers "blocking"
	if again, err := libsystemd.Ask(address); err != nil || again != pid {
		t.Errorf("after the first request process %d answers, not %d: %v", again, pid, err)
	}
	between, err := os.ReadFile(p.Path("between"))
	if err != nil || !strings.Contains(string(between), " nonblocking "+address) {
		t.Errorf("gunicorn does not leave O_NONBLOCK on %s, so this shows nothing: %v\n%s", address, err, between)
	}
}
