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
	"github.com/systemfd/systemfd/internal/testkit"
)

// TestStartKeepsNothingBusy: a holder works in /, its standard streams are /dev/null, and its environment says nothing
// of sockets. It is not parallel: it sets variables.
func TestStartKeepsNothingBusy(t *testing.T) {
	for _, name := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "SYSTEMFD_SOCKETS", "SYSTEMFD_HOLDER"} {
		t.Setenv(name, "1")
	}
	path := started(t)
	claimed(t, path, os.Getpid(), "0")
	pid := pidOf(t, path)
	if dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); dir != "/" || err != nil {
		t.Errorf("it works in %q, %v", dir, err)
	}
	for fd := range 3 {
		if file, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd)); file != os.DevNull || err != nil {
			t.Errorf("descriptor %d is %q, %v", fd, file, err)
		}
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil || len(environ) == 0 {
		t.Fatal(err)
	}
	for _, v := range strings.Split(string(environ), "\x00") {
		if name, _, _ := strings.Cut(v, "="); slices.Contains(listenfds.Names, name) {
			t.Errorf("its environment has %s", v)
		}
	}
	asked(t, path, wire.Request{Op: wire.Stop})
	dies(t, pid, path)
}

func TestStartIsKilled(t *testing.T) {
	t.Parallel()
	opened := control(t)
	defer opened.Close()
	if err := Start(opened.FD, opened.Path, killed); err == nil || err.Error() != "cannot start a holder: systemfd holder was ended by SIGKILL" {
		t.Errorf("got %v", err)
	}
}

// TestTooManyOpenFiles has a holder reach its limit: the claim is refused, whatever came is closed, and it goes on.
func TestTooManyOpenFiles(t *testing.T) {
	t.Parallel()
	path := started(t)
	claimed(t, path, os.Getpid(), "0")
	pid := pidOf(t, path)
	before := openFiles(t, pid)
	limit := uint64(slices.Max(before) + 100)
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit}, nil); err != nil {
		t.Fatal(err)
	}
	c := connect(t, path)
	texts := slices.Repeat([]string{"udp::0"}, 300)
	c.ask(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: encoded(t, texts...)})
	c.answer()
	opened := open(t, texts...)
	message, fds := stores(opened...)
	c.send(fds, message)
	if h := c.header(); h.Error != "cannot take the sockets: too many open files" || h.Hint != "raise the limit of open files: ulimit -n" {
		t.Errorf("refused: %+v", h)
	}
	c.ends()
	forget(opened)
	testkit.Await(t, "all that came to be closed", func() bool { return len(openFiles(t, pid)) <= len(before) })
	if a := asked(t, path, wire.Request{Op: wire.Status}); len(a.Sockets) != 1 {
		t.Errorf("the state is %+v", a)
	}
	asked(t, path, wire.Request{Op: wire.Stop})
	dies(t, pid, path)
}

// TestFullHolderAnswers: however close to its limit a holder comes, it can be looked at and stopped.
func TestFullHolderAnswers(t *testing.T) {
	t.Parallel()
	for room := range 6 {
		t.Run(fmt.Sprint(room), func(t *testing.T) {
			t.Parallel()
			path := started(t)
			claimed(t, path, os.Getpid(), "0")
			pid := pidOf(t, path)
			const many = 60
			limit := uint64(len(openFiles(t, pid)) + many + room - 2)
			if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit}, nil); err != nil {
				t.Fatal(err)
			}
			c := connect(t, path)
			texts := slices.Repeat([]string{"udp::0"}, many)
			c.ask(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: encoded(t, texts...)})
			c.answer()
			opened := open(t, texts...)
			message, fds := stores(opened...)
			c.send(fds, message)
			isKept := c.header().Error == ""
			c.close()
			forget(opened)
			state := asked(t, path, wire.Request{Op: wire.Status})
			if want := map[bool]int{true: many, false: 1}[isKept]; len(state.Sockets) != want {
				t.Errorf("%d sockets are kept, not %d", len(state.Sockets), want)
			}
			asked(t, path, wire.Request{Op: wire.Stop})
			dies(t, pid, path)
		})
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
