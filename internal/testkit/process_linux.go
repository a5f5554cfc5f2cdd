package testkit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// KillIn kills the processes whose working directory is dir, the ones with a process group of their own
// among them, and returns how many there were.
func KillIn(dir string) (found int) {
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

// Kill ends a process by SIGTERM and waits until it is gone.
func Kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatalf("kill %d: %v", pid, err)
	}
	Await(t, fmt.Sprintf("process %d to be gone", pid), func() bool {
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	})
}

// Dies waits until a process is no more, or nobody's child that only has to be waited for.
func Dies(t *testing.T, pid int) {
	t.Helper()
	Await(t, fmt.Sprintf("process %d to end", pid), func() bool {
		s, isThere := statOf(pid)
		return !isThere || s.state == "Z"
	})
}

// stat is what /proc/PID/stat says, proc_pid_stat(5).
type stat struct {
	state   string
	parent  int
	cpuTime time.Duration
}

// statOf returns the stat of a process, unless that has ended and was waited for.
func statOf(pid int) (s stat, isThere bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return s, false
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // behind the name
	s.state = fields[0]
	s.parent, _ = strconv.Atoi(fields[1])
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	s.cpuTime = time.Duration(user+system) * 10 * time.Millisecond // a clock tick, which Linux has at 100 a second everywhere
	return s, true
}

// Children returns the processes whose parent is pid, with their states.
func Children(pid int) (states map[int]string) {
	states = map[int]string{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		child, _ := strconv.Atoi(filepath.Base(dir))
		if s, isThere := statOf(child); isThere && s.parent == pid {
			states[child] = s.state
		}
	}
	return states
}

// AwaitChildless waits until a process has no children, also none to be waited for.
func AwaitChildless(t *testing.T, pid int) {
	t.Helper()
	Await(t, "the children to be reaped", func() bool { return len(Children(pid)) == 0 })
}

// OpenFiles returns what a process has open.
func OpenFiles(t *testing.T, pid int) []string {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(links) == 0 {
		t.Fatalf("descriptors of process %d: %v, %v", pid, links, err)
	}
	var files []string
	for _, link := range links {
		if file, err := os.Readlink(link); err == nil {
			files = append(files, file)
		}
	}
	return files
}

// CPUTime is what a process uses in an interval.
func CPUTime(t *testing.T, pid int, interval time.Duration) time.Duration {
	t.Helper()
	before, _ := statOf(pid)
	time.Sleep(interval) // what is measured
	after, isThere := statOf(pid)
	if !isThere {
		t.Fatalf("process %d has ended", pid)
	}
	return after.cpuTime - before.cpuTime
}
