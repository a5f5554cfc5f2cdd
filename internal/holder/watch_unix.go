//go:build unix

package holder

import "fmt"

// watched is a process whose end is noticed.
type watched struct {
	PID   int
	alive func() bool // asked now: the news of an end may still be on its way
	stop  func()      // stop watching; ended is not called from then on
}

// initPID never ends: a claim of its lasts until stop.
const initPID = 1

// watch calls ended, once and from another goroutine, when process pid ends.
func watch(pid int, ended func()) (*watched, error) {
	if pid == initPID {
		return &watched{pid, func() bool { return true }, func() {}}, nil
	}
	w, err := watchProcess(pid, ended)
	if err != nil {
		return nil, &Error{fmt.Sprintf("cannot watch process %d: %v", pid, err), "name another owner: --owner PID"}
	}
	return w, nil
}
