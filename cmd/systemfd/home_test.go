//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// home is a folder in which commands run, with holders of its own.
type home struct{ dir string }

// newHome makes a home. When the test ends, and all that it started, nothing of a holder may be left there.
func newHome(t *testing.T) home {
	t.Helper()
	h := home{testkit.Directory(t)}
	t.Cleanup(func() {
		defer h.stop() // if the next line fails
		testkit.Await(t, "the holders to end", func() bool {
			return len(leftIn(filepath.Join(h.dir, "systemfd"))) == 0
		})
	})
	return h
}

// leftIn returns what a directory of control sockets has, but for the marks of systemfd stop.
func leftIn(dir string) []string {
	entries, _ := filepath.Glob(filepath.Join(dir, "*"))
	return slices.DeleteFunc(entries, func(path string) bool { return strings.HasSuffix(path, ".stopped") })
}

// environ is the arguments of env(1) that run command in this home.
func (h home) environ(variables []string, command ...string) []string {
	return slices.Concat([]string{"XDG_RUNTIME_DIR=" + h.dir}, variables, command)
}

// stop ends all holders.
func (h home) stop() {
	exec.Command("env", h.environ(nil, "systemfd", "stop", "--all")...).Run()
}

// start runs a command until the test ends, as start does.
func (h home) start(t *testing.T, variables []string, command ...string) {
	t.Helper()
	start(t, h.dir, "", append([]string{"env"}, h.environ(variables, command...)...)...)
}

// sub is a folder inside, for a command of its own.
func (h home) sub(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(h.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// run runs systemfd to its end.
func (h home) run(t *testing.T, variables []string, args ...string) outcome {
	t.Helper()
	return handOff(t, func(cmd *exec.Cmd) {
		cmd.Dir, cmd.Env = h.dir, append(os.Environ(), h.environ(variables)...)
	}, args...)
}

// env has a holder keep sockets until the test ends, and returns the variables that name them.
func (h home) env(t *testing.T, args ...string) (variables []string) {
	t.Helper()
	got := h.run(t, nil, slices.Concat([]string{"env", "--json", "--owner", strconv.Itoa(os.Getpid())}, args)...)
	t.Cleanup(h.stop)
	return parseVariables(t, got.out)
}

// held is what systemfd status --json says of a socket.
type held struct {
	Name, Address, Spec, Folder string
	Owners, Users               []struct {
		PID  int
		Name string
	}
	Since   time.Time
	Waiting int
	Holder  int
}

func (h home) status(t *testing.T) []held {
	t.Helper()
	got := h.run(t, nil, "status", "--json")
	if got.err != "" {
		t.Fatal(got.err)
	}
	return parseHeld(t, got.out)
}

// isAlive reports whether a process runs. One that nobody has waited for does not, and has closed its descriptors.
func isAlive(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err == nil && !regexp.MustCompile(`(?m)^State:\s+[ZX]`).Match(status)
}
