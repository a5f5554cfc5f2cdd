//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestColorOnTerminal has standard error on a terminal.
func TestColorOnTerminal(t *testing.T) {
	t.Parallel()
	const plain, colored = `(?m)^~> socket `, `(?m)^\x1b\[1;32m~>\x1b\[0m socket `
	tests := []struct{ variable, flag, want string }{
		{"NO_COLOR=", "--color=auto", colored},
		{"NO_COLOR=", "--color=never", plain},
		{"NO_COLOR=1", "--color=auto", plain},
		{"TERM=dumb", "--color=auto", plain},
	}
	for _, test := range tests {
		t.Run(test.variable+" "+test.flag, func(t *testing.T) {
			t.Parallel()
			s := testkit.NewProject(t).Terminal("env", "TERM=xterm", "NO_COLOR=", "CLICOLOR_FORCE=", test.variable, "systemfd", test.flag, "-s", "0", "--", "true")
			s.AwaitEnd()
			testkit.Await(t, "the line on the screen", func() bool {
				return regexp.MustCompile(test.want).MatchString(s.Screen())
			})
		})
	}
}

// TestHolderIsDetached looks at what a holder has of who started it: nothing.
func TestHolderIsDetached(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	leak := textFile(t, "leak")
	got := testkit.HandOff(t, func(cmd *exec.Cmd) {
		p.In(cmd)
		cmd.ExtraFiles = []*os.File{leak, leak, leak, leak}
	}, "env", "-q", "-s", "0", "-s", "unix::./a.sock", "--owner", strconv.Itoa(owner))
	if got.Status != 0 || got.Err != "" {
		t.Fatalf("status %d, %s", got.Status, got.Err)
	}
	keeper := p.Holder()
	var counts map[string]int
	testkit.Await(t, "the holder to have only what it needs", func() bool { // the conversation may still be ending
		counts = map[string]int{}
		for _, file := range testkit.OpenFiles(t, keeper) {
			kind, _, _ := strings.Cut(file, ":[")
			counts[kind]++
		}
		own := counts["anon_inode"] + counts["pidfd"] // of the Go runtime, and to watch the owner
		return len(counts) <= 4 && counts["/dev/null"] == 3 && counts["socket"] == 3 && own == 3
	})
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", keeper)); cwd != "/" {
		t.Errorf("it is in %q, %v", cwd, err)
	}
	if session, err := unix.Getsid(keeper); session != keeper {
		t.Errorf("its session is %d, %v", session, err)
	}
	end()
	p.AwaitNothing()
}
