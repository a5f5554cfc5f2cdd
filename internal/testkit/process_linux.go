package testkit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ProcessesIn returns the processes whose working directory is dir.
func ProcessesIn(dir string) (pids []int) {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == dir {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// list reads /proc/PID/stat, see proc_pid_stat(5).
func list(pid int) (p listed, isThere bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, false
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // behind the name
	p = listed{pid: pid, state: fields[0]}
	p.parent, _ = strconv.Atoi(fields[1])
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	p.cpuTime = time.Duration(user+system) * 10 * time.Millisecond // a clock tick, which Linux has at 100 a second everywhere
	argv, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	p.args = strings.TrimSpace(strings.ReplaceAll(string(argv), "\x00", " "))
	return p, true
}

func listAll() (all []listed) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if p, isThere := list(pid); isThere {
			all = append(all, p)
		}
	}
	return all
}

// IsStopped reports whether every thread of a process is.
func IsStopped(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	return !slices.ContainsFunc(threads, func(thread string) bool {
		status, _ := os.ReadFile(thread)
		return !strings.Contains(string(status), "\nState:\tT")
	})
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
