//go:build unix && !linux

package testkit

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ProcessesIn returns the processes whose working directory is dir, as lsof(8) sees it: macOS has that, a BSD may have a package.
// Without it there are none, and what a test leaves outside of its process group stays.
func ProcessesIn(dir string) []int {
	text, _ := exec.Command("lsof", "-a", "-w", "-u", strconv.Itoa(os.Geteuid()), "-d", "cwd", "-F", "pn").Output()
	return parseLsof(string(text), dir)
}

func list(pid int) (p listed, isThere bool) {
	text, _ := exec.Command("ps", append(slices.Clone(psColumns), "-ww", "-p", strconv.Itoa(pid))...).Output()
	all := parsePS(string(text))
	if len(all) != 1 {
		return p, false
	}
	return all[0], true
}

func listAll() []listed {
	text, _ := exec.Command("ps", append(slices.Clone(psColumns), "-axww")...).Output()
	return parsePS(string(text))
}

// IsStopped reports whether a process is.
func IsStopped(pid int) bool {
	p, isThere := list(pid)
	return isThere && strings.HasPrefix(p.state, "T")
}

// OpenFiles returns what a process has open, each line as lsof(8) numbers it.
func OpenFiles(t *testing.T, pid int) (files []string) {
	t.Helper()
	Need(t, "lsof")
	text, err := exec.Command("lsof", "-w", "-p", strconv.Itoa(pid), "-F", "f").Output()
	if err != nil {
		t.Fatalf("descriptors of process %d: %v", pid, err)
	}
	for line := range strings.Lines(string(text)) {
		if line[0] == 'f' && strings.Trim(line[1:], "0123456789\n") == "" { // not the working directory, or the program
			files = append(files, line[1:])
		}
	}
	return files
}
