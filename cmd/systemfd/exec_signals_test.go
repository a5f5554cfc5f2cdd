//go:build linux

package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux, which has strace(1).

// TestSignalDuringExec: from exec on, the kernel itself ends a program by signals. A signal that the Go runtime was about to handle
// would be lost. An ignored signal stays ignored.
func TestSignalDuringExec(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "strace")
	for before, want := range map[string][]string{
		"":             {"SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"},
		"trap '' HUP;": {"SIGINT", "SIGQUIT", "SIGTERM"},
	} {
		p := testkit.NewProject(t)
		got := testkit.Finish(t, p.Command("sh", "-c", before+"exec strace -f -o trace -e trace=execve,rt_sigaction systemfd -q -s 0 -- true"))
		if got.Status != 0 {
			t.Fatalf("%q: %+v", before, got)
		}
		if reset := resetBeforeExec(p.Read("trace")); !slices.Equal(reset, want) {
			t.Errorf("%q: %q are the kernel's, want %q", before, reset, want)
		}
	}
}

// resetBeforeExec returns the signals whose last sigaction(2) before the second execve(2) is SIG_DFL.
func resetBeforeExec(trace string) (reset []string) {
	execs := 0
	for line := range strings.Lines(trace) {
		if strings.Contains(line, " execve(") {
			if execs++; execs == 2 {
				break
			}
		}
		set := regexp.MustCompile(` rt_sigaction\((\w+), \{sa_handler=(\w+)`).FindStringSubmatch(line)
		if set == nil {
			continue
		}
		reset = slices.DeleteFunc(reset, func(name string) bool { return name == set[1] })
		if set[2] == "SIG_DFL" {
			reset = append(reset, set[1])
		}
	}
	return reset
}
