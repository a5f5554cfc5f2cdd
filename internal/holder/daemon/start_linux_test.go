package daemon

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux: it looks into a holder with /proc and limits it with prlimit(2).

// TestStartKeepsNothingBusy: a holder works in /, its standard streams are /dev/null, and its environment says nothing
// of sockets. It is not parallel: it sets variables.
func TestStartKeepsNothingBusy(t *testing.T) {
	for _, name := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "SYSTEMFD_SOCKETS", "SYSTEMFD_HOLDER"} {
		t.Setenv(name, "1")
	}
	pid, path := keeping(t)
	if dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); dir != "/" || err != nil {
		t.Errorf("it works in %q, %v", dir, err)
	}
	for fd := range 3 {
		if file, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd)); file != os.DevNull || err != nil {
			t.Errorf("descriptor %d is %q, %v", fd, file, err)
		}
	}
	for _, v := range environ(t, pid) {
		if name, _, _ := strings.Cut(v, "="); slices.Contains(listenfds.Names, name) {
			t.Errorf("its environment has %s", v)
		}
	}
	stops(t, pid, path)
}

// environ returns the environment of a process.
func environ(t *testing.T, pid int) []string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil || len(text) == 0 {
		t.Fatalf("the environment is %q, %v", text, err)
	}
	return strings.Split(string(text), "\x00")
}

// TestTooManyOpenFiles has a holder reach its limit: the claim is refused, whatever came is closed, and it goes on.
func TestTooManyOpenFiles(t *testing.T) {
	t.Parallel()
	pid, path := keeping(t)
	before := openFiles(t, pid)
	limitOpenFiles(t, pid, slices.Max(before)+100)
	c := connect(t, path)
	opened := c.storesMany(300)
	if h := c.header(); h.Error != "cannot take the sockets: too many open files" || h.Hint != "raise the limit of open files: ulimit -n" {
		t.Errorf("refused: %+v", h)
	}
	c.ends()
	forget(opened)
	testkit.Await(t, "all that came to be closed", func() bool { return len(openFiles(t, pid)) <= len(before) })
	keeps(t, path, 1)
	stops(t, pid, path)
}

// TestFullHolderAnswers: however close to its limit a holder comes, it can be looked at and stopped.
func TestFullHolderAnswers(t *testing.T) {
	t.Parallel()
	for room := range 6 {
		t.Run(fmt.Sprint(room), func(t *testing.T) {
			t.Parallel()
			pid, path := keeping(t)
			const many = 60
			limitOpenFiles(t, pid, len(openFiles(t, pid))+many+room-2)
			c := connect(t, path)
			opened := c.storesMany(many)
			isKept := c.header().Error == ""
			c.close()
			forget(opened)
			state := asked(t, path, wire.Request{Op: wire.Status})
			if want := map[bool]int{true: many, false: 1}[isKept]; len(state.Sockets) != want {
				t.Errorf("%d sockets are kept, not %d", len(state.Sockets), want)
			}
			stops(t, pid, path)
		})
	}
}

// storesMany claims and stores that many sockets. The holder has yet to answer.
func (c *client) storesMany(count int) []*socket.Socket {
	c.t.Helper()
	texts := slices.Repeat([]string{"udp::0"}, count)
	c.claim(os.Getpid(), texts...)
	opened := open(c.t, texts...)
	c.store(opened...)
	return opened
}

func limitOpenFiles(t *testing.T, pid, limit int) {
	t.Helper()
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(limit), Max: uint64(limit)}, nil); err != nil {
		t.Fatal(err)
	}
}

// openFiles returns the descriptors of a process.
func openFiles(t *testing.T, pid int) (fds []int) {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		var fd int
		fmt.Sscan(entry.Name(), &fd)
		fds = append(fds, fd)
	}
	return fds
}
