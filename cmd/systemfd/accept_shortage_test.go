//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux, which has prlimit(2) for the limits of another process.

// limit sets a soft limit of a running process; undo sets the old one.
func limit(t *testing.T, pid, resource int, most uint64) (undo func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Prlimit(pid, resource, nil, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: most, Max: old.Max}, nil); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Prlimit(pid, resource, &old, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// checkShortage: while pid is short of something it waits, says so once, does not spin, and loses nothing. The next shortage soon
// after is not reported again.
func checkShortage(t *testing.T, l *testkit.Running, address, warning string, shorten func() (undo func())) {
	t.Helper()
	for _, warnings := range []int{1, 0} {
		before := strings.Count(l.Read("err"), "warning: ")
		undo := shorten()
		var waiting []net.Conn
		for range 3 {
			waiting = append(waiting, testkit.DialAny(t, "tcp", address))
		}
		testkit.Await(t, "the warning", func() bool {
			return strings.Count(l.Read("err"), "warning: ") >= before+warnings
		})
		if used := testkit.CPUTime(t, l.Process.Pid, time.Second); used > 200*time.Millisecond {
			t.Errorf("it uses %v of CPU time in a second", used)
		}
		if after := strings.Count(l.Read("err"), "warning: "); after != before+warnings {
			t.Errorf("it warns %d times", after-before)
		}
		undo()
		for _, c := range waiting {
			checkEcho(t, c)
		}
	}
	testkit.Says(t, l.Read("err"), warning)
}

// lowestFree is the lowest free descriptor of an idle acceptor: beside the descriptors from us, it has the listener twice, and no
// pipe.
func lowestFree(t *testing.T, pid int) (lowest uint64) {
	t.Helper()
	ours := testkit.OpenFiles(t, os.Getpid())
	return testkit.Find(t, "the acceptor to be idle", func() (uint64, bool) {
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		open, busy, sockets := map[string]bool{}, false, 0
		for _, link := range links {
			target, err := os.Readlink(link)
			open[filepath.Base(link)] = true
			if slices.Contains(ours, target) {
				continue
			}
			busy = busy || err != nil || strings.HasPrefix(target, "pipe:")
			if strings.HasPrefix(target, "socket:") {
				sockets++
			}
		}
		for lowest = 0; open[strconv.FormatUint(lowest, 10)]; lowest++ {
		}
		return lowest, !busy && sockets == 2
	})
}

// TestAcceptShortOfDescriptors: there is no descriptor for a connection, or none to start its child.
func TestAcceptShortOfDescriptors(t *testing.T) {
	t.Parallel()
	for free, warning := range map[uint64]string{
		0: "warning: cannot accept: too many open files; trying again until it works",
		1: `warning: cannot run "cat": too many open files; trying again until it works`,
	} {
		t.Run(fmt.Sprint(free), func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			l, address := acceptor(p, "-s", "tcp::0", "--inetd", "--", "cat")
			checkEcho(t, testkit.DialAny(t, "tcp", address))
			testkit.AwaitChildless(t, l.Process.Pid)
			checkShortage(t, l, address, warning, func() func() {
				return limit(t, l.Process.Pid, unix.RLIMIT_NOFILE, lowestFree(t, l.Process.Pid)+free)
			})
		})
	}
}

// TestAcceptShortOfProcesses runs as a user of its own: the limit counts all processes of a user, and root has no limit.
func TestAcceptShortOfProcesses(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "setpriv", "prlimit")
	as := asNobodyElse(t)
	p := testkit.NewProject(t)
	if err := os.Chmod(p.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join(bin, "systemfd")) // another user cannot enter our directory
	if err != nil {
		t.Fatal(err)
	}
	writeProgram(t, p.Path("systemfd"), string(program))
	l := p.Launch(as("./systemfd", "-s", "tcp::0", "--accept", "--inetd", "--info-file", "info", "--", "cat")...)
	address := p.Opened()
	checkEcho(t, testkit.DialAny(t, "tcp", address)) // then it has all the threads that it needs
	testkit.AwaitChildless(t, l.Process.Pid)
	most := func(number string) { // only a process of the same uid may
		if got := testkit.Finish(t, p.Command(as("prlimit", "--pid", strconv.Itoa(l.Process.Pid), "--nproc="+number+":")...)); got.Status != 0 {
			t.Fatalf("prlimit: %+v", got)
		}
	}
	const warning = `warning: cannot run "cat": resource temporarily unavailable; trying again until it works`
	checkShortage(t, l, address, warning, func() func() {
		most("0")
		return func() { most("1000") }
	})
}

// asNobodyElse returns a function that makes a command run as a user without other processes.
func asNobodyElse(t *testing.T) (as func(command ...string) []string) {
	t.Helper()
	if os.Geteuid() != 0 {
		testkit.Lacks(t, "a second user, only for root,")
	}
	const uid = "54321"
	if _, err := user.LookupId(uid); err == nil {
		t.Skipf("user %s is somebody", uid)
	}
	return func(command ...string) []string {
		return append([]string{"setpriv", "--reuid", uid, "--clear-groups"}, command...)
	}
}
