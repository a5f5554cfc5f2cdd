package process

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// Listed is a process as ps(1) lists it.
type Listed struct {
	Process
	Terminal string // "" without one
}

// Own returns the processes of this user, without kernel threads, and without the helpers of this process. Helpers are the other
// processes in its process group, except the leader, which is the shell.
func Own() ([]Listed, error) {
	text, err := exec.Command("ps", "-U", strconv.Itoa(os.Getuid()), "-o", "pid=", "-o", "pgid=", "-o", "tty=", "-o", "args=").Output()
	if err != nil {
		return nil, fmt.Errorf("ps: %w", err)
	}
	return listed(string(text), os.Getpid()), nil
}

// listed reads the lines of ps(1), "12 12 pts/0 -bash", as seen by self. Instead of arguments, a kernel thread
// has its name in brackets.
func listed(text string, self int) (all []Listed) {
	groups := map[int]int{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		pid, _ := strconv.Atoi(fields[0])
		groups[pid], _ = strconv.Atoi(fields[1])
		if fields[3][0] != '[' {
			all = append(all, Listed{Of(pid), strings.Trim(fields[2], "?-")})
		}
	}
	return slices.DeleteFunc(all, func(l Listed) bool {
		return l.PID == self || groups[l.PID] == groups[self] && l.PID != groups[self]
	})
}
