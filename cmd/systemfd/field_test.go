//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	// testdata/servers/gosystemd needs it, and go mod tidy does not look there.
	_ "github.com/coreos/go-systemd/v22/activation"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file holds what servers_test.go, watchers_test.go, peers_test.go and loss_test.go share: a command that
// runs in a folder of its own until the test ends, and the servers that it starts.

// names is what every strict reader finds in LISTEN_FDNAMES.
const names = "app:ctl"

// shellLoop restarts a server for as long as it lives: a shell with these arguments, then the server's.
var shellLoop = []string{"sh", "-c", `while :; do systemfd -- "$@"; done`, "sh"}

// withSockets is a command under a systemfd that opens "app", an HTTP port, and "ctl", and writes the info file.
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

// strict readers refuse where LISTEN_PID is not their own process.
var strict = []testkit.Server{libsystemd, goSystemd}
