//go:build unix

package main

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// breaker is a server that breaks its socket when it ends.
type breaker struct {
	testkit.Server
	socket string                               // as -s says it; testkit.Project counts what is called *.sock as a holder's
	damage string                               // that it leaves
	get    func(address string) (string, error) // how it is asked
}

var breakers = []breaker{
	{socket: "http::0", damage: "it was shut down", get: testkit.GetHTTP, Server: testkit.Server{
		Name: "webrick",
		Command: func(t *testing.T) []string {
			needModule(t, "ruby-webrick", "ruby", "-e", `require "webrick"`)
			return []string{"ruby", source(t, "webrick.rb")}
		},
	}},
	{socket: "./app", damage: "it was shut down", get: testkit.GetHTTP, Server: testkit.Server{ // its path is gone, too
		Name: "twisted",
		Command: func(t *testing.T) []string {
			const python = "/usr/bin/python3" // the one that Debian's package is for
			needModule(t, "python3-twisted", python, "-c", "import twisted")
			return []string{
				"env", "PYTHONPATH=" + source(t, ""), python, "-m", "twisted", "web",
				"--listen", "systemd:domain=UNIX:index=0", "--class", "twisted_web.Root",
			}
		},
	}},
	{socket: "./app", damage: "its path is gone", get: testkit.GetHTTP, Server: testkit.Server{
		Name:  "gunicorn",
		Forks: true,
		Flags: []string{"--no-pid"}, // else it looks for the sockets itself, and leaves the path
		Command: func(t *testing.T) []string {
			return append(gunicorn.Command(t), "--bind", "fd://3")
		},
	}},
	{socket: "./app", damage: "its path is gone", get: runPHP, Server: testkit.Server{
		Name:  "php-fpm",
		Forks: true,
		Command: func(t *testing.T) []string {
			programs, _ := filepath.Glob("/usr/sbin/php-fpm[0-9]*")
			if len(programs) == 0 {
				testkit.Lacks(t, "php-fpm")
			}
			return []string{
				"sh", "-c", `FPM_SOCKETS=$PWD/app=3 exec "$@"`, "sh",
				programs[0], "--no-php-ini", "--allow-to-run-as-root", "--nodaemonize", "--fpm-config", "php-fpm.conf",
			}
		},
		Prepare: func(t *testing.T, dir, address string) {
			for _, name := range []string{"php-fpm.conf", "php-fpm.php"} {
				text, err := os.ReadFile(source(t, name))
				if err != nil {
					t.Fatal(err)
				}
				testkit.Write(t, dir, name, strings.Replace(string(text), "ADDRESS", address, 1))
			}
		},
	}},
}

// needModule is testkit.Need for a Debian package that is there if a command works.
func needModule(t *testing.T, debian string, command ...string) {
	t.Helper()
	testkit.Need(t, command[0])
	if exec.Command(command[0], command[1:]...).Run() != nil {
		testkit.Lacks(t, debian)
	}
}

// runPHP has the FastCGI server at a path run php-fpm.php beside it.
func runPHP(address string) (string, error) {
	c, err := net.DialTimeout("unix", address, testkit.Patience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(testkit.Patience))
	record := func(kind byte, content string) string {
		return string([]byte{1, kind, 0, 1, 0, byte(len(content)), 0, 0}) + content
	}
	param := func(name, value string) string {
		return string([]byte{byte(len(name)), byte(len(value))}) + name + value
	}
	const begin, params, stdin, responder = 1, 4, 5, "\x00\x01\x00\x00\x00\x00\x00\x00"
	script := filepath.Join(filepath.Dir(address), "php-fpm.php")
	request := record(begin, responder) + record(params, param("REQUEST_METHOD", "GET")+param("SCRIPT_FILENAME", script))
	if _, err := io.WriteString(c, request+record(params, "")+record(stdin, "")); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(c)
	_, body, _ := strings.Cut(string(answer), "\r\n\r\n")
	line, _, isWhole := strings.Cut(body, "\n")
	if err == nil && !isWhole {
		err = errors.New(string(answer))
	}
	return line, err
}

// await asks until the server answers, and returns the process that the sockets were passed to. While it is away, clients are
// refused.
func (b breaker) await(t *testing.T, address string) (pid int) {
	t.Helper()
	return testkit.Find(t, b.Name+" to answer", func() (int, bool) {
		body, err := b.get(address)
		if err != nil {
			return 0, false
		}
		pid, err := strconv.Atoi(body)
		if err != nil {
			t.Fatalf("it answers %q", body)
		}
		return b.Process(pid), true
	})
}

// check ends the server twice. The next one answers at the same address, and a warning says why it can.
func (b breaker) check(t *testing.T, outer ...string) {
	if b.damage == "it was shut down" {
		testkit.LinuxOnly(t, "listeners that shutdown(2) ends")
	}
	p := testkit.NewProject(t)
	command := b.Command(t)
	if b.Prepare != nil {
		b.Prepare(t, p.Dir, p.Path(b.socket))
	}
	running := p.Launch(append(outer, command...)...)
	address := p.Opened()
	pid := b.await(t, address)
	for range 2 {
		testkit.Kill(t, pid)
		old := pid
		if pid = b.await(t, address); pid == old {
			t.Fatalf("process %d was killed, and answers", old)
		}
	}
	warning := regexp.MustCompile(`(?m)^warning: ` + regexp.QuoteMeta(address+": "+b.damage) + `; opened it again(; it stays repaired only .*)?$`)
	if said := running.Read("err"); len(warning.FindAllString(said, -1)) != 2 {
		t.Errorf("it does not say twice %q:\n%s", warning, said)
	}
}

// TestRepairServers runs servers that break their sockets when they end: with sockets that the shell in between has, and
// with sockets that a holder keeps.
func TestRepairServers(t *testing.T) {
	t.Parallel()
	for _, b := range breakers {
		loop := `while :; do systemfd --info-file info ` + strings.Join(b.Flags, " ") + ` -- "$@"; done`
		t.Run(b.Name+"/inherited", func(t *testing.T) {
			t.Parallel()
			b.check(t, "systemfd", "-s", b.socket, "--", "sh", "-c", loop, "sh")
		})
		t.Run(b.Name+"/held", func(t *testing.T) {
			t.Parallel()
			b.check(t, "sh", "-c", `eval "$(systemfd env -s `+b.socket+`)"; `+loop, "sh")
		})
	}
}
