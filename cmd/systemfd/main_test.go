package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
)

// bin holds the programs under test and their helpers, built once; it is first in PATH.
var bin string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if signal.Ignored(syscall.SIGHUP) { // below nohup; signals that are caught here are default in the programs of the tests
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	if runtime.GOOS == "darwin" { // its TMPDIR is too long for unix sockets
		os.Setenv("TMPDIR", "/private/tmp")
	}
	var err error
	if bin, err = os.MkdirTemp("", "systemfd-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(bin)
	if err := buildPrograms(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	for _, name := range []string{
		"LISTEN_FDS", "LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDNAMES", "LISTEN_FDS_FIRST_FD",
		"SYSTEMFD_SOCKETS", "SYSTEMFD_HOLDER", "MAKEFLAGS", "MFLAGS", "CARGO_MAKEFLAGS", "NOTIFY_SOCKET",
	} {
		os.Unsetenv(name)
	}
	return m.Run()
}

// buildPrograms fills bin.
func buildPrograms() error {
	covered := []string{}
	if os.Getenv("GOCOVERDIR") != "" { // make cover
		covered = []string{"-tags=systemfd_cover", "-cover", "-covermode=atomic", "-coverpkg=github.com/systemfd/systemfd/..."}
	}
	probe := "./testdata/probe"
	if runtime.GOOS == "windows" {
		probe = "./testdata/winprobe"
	}
	for program, flags := range map[string][]string{".": covered, probe: nil} {
		build := exec.Command("go", slices.Concat([]string{"build"}, flags, []string{"-o", bin + string(filepath.Separator), program})...)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	return nil
}
