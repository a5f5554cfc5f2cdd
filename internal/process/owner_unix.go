//go:build unix

package process

import (
	"os"

	"golang.org/x/sys/unix"
)

// DefaultOwner returns the process that our sockets should live as long as: the leader of our parent's process group,
// which is the interactive shell, or the script if a script calls us; else the leader of our session; else our
// parent. Its errors are *Error.
//
// It refuses if the shell that called us is gone. Then a reaper has become our parent, usually Init, which would own
// the sockets for ever: see PR_SET_CHILD_SUBREAPER in prctl(2). A reaper has another session than we do, but Init as
// the shell of a container has ours.
func DefaultOwner() (int, error) {
	parent := os.Getppid() // asked once: it changes when the parent ends
	session, _ := unix.Getsid(0)
	if isAdopted(parent, session) {
		return 0, errGone()
	}
	owner := parent
	if group, err := unix.Getpgid(parent); err == nil && isOther(group) {
		owner = group
	} else if isOther(session) {
		owner = session
	}
	if !IsAlive(owner) {
		return 0, errGone()
	}
	return owner, nil
}

// isAdopted reports whether somebody else than parent started us. If we lead our session, nobody can tell: setsid(1)
// in front of us gives us a parent with another session.
//
// Parent 0 is outside of our pid namespace, as in docker exec. It cannot be named, and getsid(2) and getpgid(2)
// would answer for ourselves. If getsid fails, the parent does not share our session: it is gone by now, or it has
// another session and OpenBSD does not tell which.
func isAdopted(parent, session int) bool {
	if parent == 0 {
		return true
	}
	theirs, err := unix.Getsid(parent)
	return session != os.Getpid() && (err != nil || theirs != session)
}

// isOther reports whether a process runs and is not this one. A leader outside of our pid namespace is process 0.
func isOther(pid int) bool { return pid != os.Getpid() && IsAlive(pid) }

func errGone() error {
	return &Error{"the shell that would own the sockets is gone", "--owner PID names a process that lives"}
}

// LeadsGroup reports whether this process leads its process group, as the command of an interactive shell does.
func LeadsGroup() bool { return unix.Getpgrp() == os.Getpid() }

// CallingShell returns the name of the shell that called us, if what it has to evaluate depends on that: here, it is sh.
func CallingShell() string { return "" }

// ShowsColors reports whether a terminal takes control sequences.
func ShowsColors(*os.File) bool { return true }
