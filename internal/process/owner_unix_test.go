//go:build unix

package process

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const refusal = "the shell that would own the sockets is gone\n--owner PID names a process that lives"

// The helper that output starts leads a session and a process group, as an interactive shell does.
func TestDefaultOwnerIsShell(t *testing.T) {
	t.Parallel()
	for _, words := range []string{
		"run owner",
		"run run owner", // through make, or a script without job control
	} {
		if got, shell := output(t, strings.Fields(words)...); got != strconv.Itoa(shell)+" <nil>" {
			t.Errorf("%s: got %q, want %d", words, got, shell)
		}
	}
}

func TestDefaultOwnerIsScript(t *testing.T) {
	t.Parallel()
	got, shell := output(t, "job", "run", "owner")
	owner, _ := strconv.Atoi(strings.TrimSuffix(got, " <nil>"))
	if owner < 1 || owner == shell || owner == os.Getpid() {
		t.Errorf("got %q; the shell is %d", got, shell)
	}
}

// The leader of the parent's process group is gone, the parent and the shell are not.
func TestDefaultOwnerIsSessionLeader(t *testing.T) {
	t.Parallel()
	if got, shell := output(t, "job", "leave", "run", "owner"); got != strconv.Itoa(shell)+" <nil>" {
		t.Errorf("got %q, want %d", got, shell)
	}
}

// We lead our session, as after setsid(1): the parent has another session, and is no reaper.
func TestDefaultOwnerOfSessionLeader(t *testing.T) {
	t.Parallel()
	want := os.Getpid()
	if group := syscall.Getpgrp(); IsAlive(group) {
		want = group
	}
	if got, _ := output(t, "owner"); got != strconv.Itoa(want)+" <nil>" {
		t.Errorf("got %q, want %d", got, want)
	}
}

func TestDefaultOwnerIsGone(t *testing.T) {
	t.Parallel()
	if session, _ := unix.Getsid(0); !isAdopted(0, session) {
		t.Error("a parent outside of our pid namespace counts as ours")
	}
	for _, words := range []string{"leave owner", "run leave owner", "leave leave owner"} {
		if got, _ := output(t, strings.Fields(words)...); got != refusal {
			t.Errorf("%s: got %q, want %q", words, got, refusal)
		}
	}
}
