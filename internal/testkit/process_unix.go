//go:build unix

package testkit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// listed is a process as the system lists it.
type listed struct {
	pid, parent int
	state       string // its first letter is Z if the process has ended, and its parent has not waited for it
	args        string // with a blank between
	cpuTime     time.Duration
}

// isZombie reports whether the process has ended.
func (l listed) isZombie() bool { return strings.HasPrefix(l.state, "Z") }

// KillIn kills the processes whose working directory is dir, the ones with a process group of their own
// among them, and returns how many there were.
func KillIn(dir string) (found int) {
	for _, pid := range ProcessesIn(dir) {
		syscall.Kill(pid, syscall.SIGKILL)
		found++
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
		p, isThere := list(pid)
		return !isThere || p.isZombie()
	})
}

// Children returns the processes whose parent is pid, with their states.
func Children(pid int) (states map[int]string) {
	states = map[int]string{}
	for _, p := range listAll() {
		if p.parent == pid {
			states[p.pid] = p.state
		}
	}
	return states
}

// Arguments are those of a process, with blanks between; "" if there is none.
func Arguments(pid int) string {
	p, _ := list(pid)
	return p.args
}

// AwaitChildless waits until a process has no children, also none to be waited for.
func AwaitChildless(t *testing.T, pid int) {
	t.Helper()
	Await(t, "the children to be reaped", func() bool { return len(Children(pid)) == 0 })
}

// CPUTime is what a process uses in an interval.
func CPUTime(t *testing.T, pid int, interval time.Duration) time.Duration {
	t.Helper()
	before, _ := list(pid)
	time.Sleep(interval) // what is measured
	after, isThere := list(pid)
	if !isThere {
		t.Fatalf("process %d has ended", pid)
	}
	return after.cpuTime - before.cpuTime
}

// psColumns are what parsePS reads: -o arguments of ps(1) that all systems know.
var psColumns = []string{"-o", "pid=", "-o", "ppid=", "-o", "state=", "-o", "time=", "-o", "args="}

// parsePS reads the lines of ps(1): "12 1 S 0:00.03 sh -c true".
func parsePS(text string) (all []listed) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		p := listed{state: fields[2], cpuTime: parseTime(fields[3]), args: strings.Join(fields[4:], " ")}
		p.pid, _ = strconv.Atoi(fields[0])
		p.parent, _ = strconv.Atoi(fields[1])
		all = append(all, p)
	}
	return all
}

// parseTime reads a time of ps(1), of less than a day: "02:03:04", "3:04.05".
func parseTime(text string) time.Duration {
	seconds := 0.0
	for _, part := range strings.Split(text, ":") {
		number, _ := strconv.ParseFloat(part, 64)
		seconds = seconds*60 + number
	}
	return time.Duration(seconds * float64(time.Second))
}

// parseLsof returns the processes of lsof -F pn whose file is path.
func parseLsof(text, path string) (pids []int) {
	pid := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "p"):
			pid, _ = strconv.Atoi(line[1:])
		case line == "n"+path:
			pids = append(pids, pid)
		}
	}
	return pids
}
