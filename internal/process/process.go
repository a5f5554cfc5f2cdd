// Package process asks the operating system about processes: their names, their parents, whether they run, when they end, and who is at
// the other end of a unix socket.
//
// A process is known by its number. Once it has ended and its parent has waited for it, the system may give the
// number to another process. Only a Watch keeps the two apart.
package process

import (
	"fmt"
	"os"
	"strings"
)

// Init is the number of the first process. It is taken to run for ever: when it ends, all other processes end, also in a container.
const Init = 1

// Process is a process as its user knows it.
type Process struct {
	PID  int
	Name string // "" if it is not known
}

// Of returns the process with that number and its name.
func Of(pid int) Process { return Process{pid, Name(pid)} }

// String returns "bash (pid 12)", or "pid 12" without a name. The name is what the process calls itself, unescaped.
func (p Process) String() string {
	if p.Name == "" {
		return fmt.Sprintf("pid %d", p.PID)
	}
	return fmt.Sprintf("%s (pid %d)", p.Name, p.PID)
}

// Join returns the strings of processes, with commas between.
func Join(processes []Process) string {
	texts := make([]string, len(processes))
	for i, p := range processes {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}

// Error says why a process cannot be watched, or why there is no owner.
type Error struct{ Text, Remedy string }

func (e *Error) Error() string { return e.Text }

// Hint returns the way out, or "".
func (e *Error) Hint() string { return e.Remedy }

// Name returns the name that "ps -o ucomm" shows, shortened as the system shortens it: to 15 bytes on Linux, 16 on
// macOS and DragonFly, 19 on FreeBSD, 23 on OpenBSD and NetBSD. It is "" if the process is gone, or if the system does not tell.
func Name(pid int) string {
	name, _, _ := look(pid)
	return name
}

// Parent returns the parent of a process. It is 0 if there is none, if it is outside of our pid namespace, or if the
// system does not tell.
func Parent(pid int) int {
	_, parent, _ := look(pid)
	return parent
}

// IsAlive reports whether a process runs. A zombie does not, though kill(2) finds it until its parent has waited.
// DragonFly may not tell the difference.
func IsAlive(pid int) bool { return pid == Init || pid > Init && isAlive(pid) }

// IsAncestor reports whether a process is this one, or started it, however indirectly. Init did not: it is the parent
// of whatever lost its own.
func IsAncestor(pid int) bool {
	for at := os.Getpid(); at > Init; at = Parent(at) {
		if at == pid {
			return true
		}
	}
	return false
}

// PIDFDID returns the value of LISTEN_PIDFDID that names this process, see sd_listen_fds(3): the inode of its pidfd.
// It is "" before Linux 6.9, when all pidfds share one inode, and on other systems.
func PIDFDID() string { return pidfdID() }
