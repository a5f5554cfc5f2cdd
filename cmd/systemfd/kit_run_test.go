//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// outcome is what a run of a program left.
type outcome struct {
	pid, status int
	out, err    string
}

// handOff runs systemfd in a folder of its own; prepare, where given, says how it differs from a plain run.
func handOff(t testing.TB, prepare func(*exec.Cmd), args ...string) outcome {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "systemfd", args...)
	cmd.Dir = t.TempDir()
	if prepare != nil {
		prepare(cmd)
	}
	return finish(t, cmd)
}

// finish runs a command to its end.
func finish(t testing.TB, cmd *exec.Cmd) outcome {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return outcome{cmd.Process.Pid, cmd.ProcessState.ExitCode(), out.String(), stderr.String()}
}

// says fails the test if one of the patterns is not in text, at a line of its own.
func says(t testing.TB, text string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		if !regexp.MustCompile("(?m)^" + pattern + "$").MatchString(text) {
			t.Errorf("no line %q in\n%s", pattern, text)
		}
	}
}

// saysNot is the contrary of says.
func saysNot(t testing.TB, text string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		if match := regexp.MustCompile("(?m)^" + pattern + "$").FindString(text); match != "" {
			t.Errorf("%q is in\n%s", match, text)
		}
	}
}

// running is a command that stays.
type running struct {
	*exec.Cmd
	t     testing.TB
	ended chan struct{} // closed once it has
}

// launch starts a command in its directory, its output in the files out and err there. When the test ends, every process
// that it left in the directory is killed.
func launch(t testing.TB, cmd *exec.Cmd) *running {
	t.Helper()
	r := &running{cmd, t, make(chan struct{})}
	r.Stdout, r.Stderr = r.create("out"), r.create("err")
	if r.SysProcAttr == nil {
		r.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	r.WaitDelay = testkit.Patience
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		r.Wait()
		close(r.ended)
	}()
	t.Cleanup(r.end)
	return r
}

func (r *running) create(name string) *os.File {
	r.t.Helper()
	f, err := os.Create(filepath.Join(r.Dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { f.Close() })
	return f
}

// end kills what is left.
func (r *running) end() {
	syscall.Kill(-r.Process.Pid, syscall.SIGKILL)
	r.Process.Kill()
	testkit.Await(r.t, "the processes below "+r.Args[0]+" to end", func() bool { return killIn(r.Dir) == 0 })
	<-r.ended
	if r.t.Failed() {
		out, stderr := r.read("out"), r.read("err")
		r.t.Logf("%q printed\n%s\n%s", r.Args, out[max(0, len(out)-4096):], stderr[max(0, len(stderr)-4096):])
	}
}

// read returns what is in a file of its directory.
func (r *running) read(name string) string {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.Dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// send sends it a signal, and not to its children.
func (r *running) send(s syscall.Signal) {
	r.t.Helper()
	if err := r.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// hasEnded reports whether it has.
func (r *running) hasEnded() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
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

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// awaitEnd waits for its end, and returns of which signal, or its exit status.
func (r *running) awaitEnd() string {
	r.t.Helper()
	testkit.Await(r.t, strings.Join(r.Args, " ")+" to end", r.hasEnded)
	status := r.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return status.Signal().String()
	}
	return strconv.Itoa(status.ExitStatus())
}
