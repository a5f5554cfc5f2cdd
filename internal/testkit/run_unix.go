//go:build unix

package testkit

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// Outcome is what a run of a program left.
type Outcome struct {
	PID, Status int
	Out, Err    string
}

// HandOff runs systemfd in a directory of its own; prepare, if given, says how it differs from a plain run.
func HandOff(t testing.TB, prepare func(*exec.Cmd), args ...string) Outcome {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "systemfd", args...)
	cmd.Dir = t.TempDir()
	if prepare != nil {
		prepare(cmd)
	}
	return Finish(t, cmd)
}

// Finish runs a command to its end.
func Finish(t testing.TB, cmd *exec.Cmd) Outcome {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return Outcome{cmd.Process.Pid, cmd.ProcessState.ExitCode(), out.String(), stderr.String()}
}

// Says fails the test if one of the patterns is not in text, at a line of its own.
func Says(t testing.TB, text string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		if !regexp.MustCompile("(?m)^" + pattern + "$").MatchString(text) {
			t.Errorf("no line %q in\n%s", pattern, text)
		}
	}
}

// SaysNot is the contrary of Says.
func SaysNot(t testing.TB, text string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		if match := regexp.MustCompile("(?m)^" + pattern + "$").FindString(text); match != "" {
			t.Errorf("%q is in\n%s", match, text)
		}
	}
}

// Write writes a file of a directory.
func Write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
