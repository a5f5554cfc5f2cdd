//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	// testdata/servers/gosystemd needs it, and go mod tidy does not look there.
	_ "github.com/coreos/go-systemd/v22/activation"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file holds what servers_test.go, watchers_test.go, peers_test.go and loss_test.go share: a command that
// runs in a folder of its own until the test ends, and the servers that it starts.

// patience is how long anything may take before a test gives up.
const patience = testkit.Patience

// names is what every strict reader finds in LISTEN_FDNAMES.
const names = "app:ctl"

// shellLoop restarts a server for as long as it lives: a shell with these arguments, then the server's.
var shellLoop = []string{"sh", "-c", `while :; do systemfd -- "$@"; done`, "sh"}

// killIn kills the processes whose working directory is dir, the ones with a process group of their own
// among them, and returns how many there were.
func killIn(dir string) (found int) {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == dir {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			syscall.Kill(pid, syscall.SIGKILL)
			found++
		}
	}
	return found
}

// await calls ready until it says yes, and returns what it found.
func await[T any](t testing.TB, what string, ready func() (T, bool)) T {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if found, ok := ready(); ok {
			return found
		}
	}
	t.Fatalf("waited %v in vain for %s", patience, what)
	panic("unreachable")
}

// withSockets is a command under a systemfd that opens "app", an HTTP port, and "ctl", and writes the info file.
func withSockets(command ...string) []string {
	return append([]string{"systemfd", "-s", "app=http::0", "-s", "ctl=unix::./ctl", "--info-file", "info", "--"}, command...)
}

// server is a real program that takes passed sockets.
type server struct {
	name    string
	command func(t *testing.T) []string
	prepare func(t *testing.T, dir, address string) // what it needs once the port is known
	flags   []string                                // of the systemfd right before it
	line    bool                                    // it speaks lines, not HTTP
	forks   bool                                    // what answers is a child of the process that was passed the sockets
	want    string                                  // what it answers behind its process ID
}

// ask makes one request and returns the process ID in the answer.
func (s server) ask(address string) (pid int, err error) {
	get := getHTTP
	if s.line {
		get = getLine
	}
	body, err := get(address)
	if err != nil {
		return 0, err
	}
	first, rest, _ := strings.Cut(body, " ")
	if pid, err = strconv.Atoi(first); err != nil || rest != s.want {
		return 0, fmt.Errorf("answer is %q, want a process ID and %q", body, s.want)
	}
	return pid, nil
}

func getHTTP(address string) (string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	response, err := client.Get("http://" + address + "/")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return string(body), err
}

func getLine(address string) (string, error) {
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	return exchange(c, "hello")
}

// exchange sends a line and returns the line that comes back.
func exchange(c net.Conn, line string) (string, error) {
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSuffix(answer, "\n"), err
}

// process returns the process that was passed the sockets, given the one that answered.
func (s server) process(t *testing.T, pid int) int {
	t.Helper()
	if !s.forks {
		return pid
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	parent, err := strconv.Atoi(string(regexp.MustCompile(`(?m)^PPid:\s+(\d+)$`).FindSubmatch(status)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return parent
}

// kill ends a process by SIGTERM and waits until it is gone.
func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatalf("kill %d: %v", pid, err)
	}
	testkit.Await(t, fmt.Sprintf("process %d to end", pid), func() bool {
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	})
}

// restarts kills the server three times. Each time one request, made while it is away or not, is answered at
// the same address by another process.
func (s server) restarts(t *testing.T, address string) {
	t.Helper()
	pid, err := s.ask(address)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		old := s.process(t, pid)
		kill(t, old)
		if pid, err = s.ask(address); err != nil {
			t.Fatal(err)
		}
		if s.process(t, pid) == old {
			t.Fatalf("process %d was killed, and answers", old)
		}
	}
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
var libsystemd = server{
	name: "libsystemd",
	want: names + " blocking",
	command: func(t *testing.T) []string {
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
var goSystemd = server{
	name: "go-systemd",
	want: names,
	command: func(t *testing.T) []string {
		program, err := buildGoSystemd()
		if err != nil {
			t.Fatal(err)
		}
		return []string{program}
	},
}

// strict readers refuse where LISTEN_PID is not their own process.
var strict = []server{libsystemd, goSystemd}
