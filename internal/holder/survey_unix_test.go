//go:build unix

package holder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/testkit"
)

// TestStates: some holders do not answer. That costs a second in all, and a warning for each. The states of the others are there.
func TestStates(t *testing.T) {
	dir := ownDirectory(t)
	one, two := mustName(t, "one"), mustName(t, "two")
	bound := claim(t, one, os.Getpid(), "a=http::0", "udp::0").Openings
	claim(t, two, os.Getpid(), "0")
	suspended(t, mustName(t, "stopped"))
	socketAt(t, dir+"/mute.sock", true)

	begin := time.Now()
	states, warnings, err := States()
	took := time.Since(begin)
	if err != nil || len(states) != 2 || states[0].Control != one.control || states[1].Control != two.control {
		t.Fatalf("the states are %+v, %v", states, err)
	}
	got := states[0].Sockets
	if len(got) != 2 || got[0].Opening != bound[0] || got[1].Opening != bound[1] || got[0].Owners[0].PID != os.Getpid() {
		t.Errorf("the state is %+v, not %v", states[0], bound)
	}
	checkWarnings(t, warnings, dir+"/mute.sock", dir+"/stopped.sock")
	if took < lookTime || took > 2*lookTime {
		t.Errorf("it took %v", took)
	}
}

// suspended is a holder that does not answer until it is resumed.
func suspended(t *testing.T, c *client) (pid int, resume func()) {
	t.Helper()
	pid = claim(t, c, os.Getpid(), "0").PID
	unix.Kill(pid, unix.SIGSTOP)
	resume = func() { unix.Kill(pid, unix.SIGCONT) }
	t.Cleanup(resume)
	testkit.Await(t, "it to stop", func() bool {
		_, _, err := c.ask(wire.Request{Op: wire.Status}, 50*time.Millisecond)
		return err != nil
	})
	return pid, resume
}

// checkWarnings: there is one for each holder that does not answer, and its control socket stays.
func checkWarnings(t *testing.T, warnings []string, controls ...string) {
	t.Helper()
	var want []string
	for _, control := range controls {
		want = append(want, fmt.Sprintf("the holder at %q does not answer", control))
		if !testkit.Exists(control) {
			t.Errorf("%s is removed", control)
		}
	}
	if !slices.Equal(warnings, want) {
		t.Errorf("the warnings are %q, not %q", warnings, want)
	}
}

// TestStateOfSuspended: a holder that did not answer is not lost.
func TestStateOfSuspended(t *testing.T) {
	dir := ownDirectory(t)
	pid, resume := suspended(t, mustName(t, "stopped"))
	states, warnings, err := States()
	if err != nil || states != nil {
		t.Errorf("the states are %+v, %v", states, err)
	}
	checkWarnings(t, warnings, dir+"/stopped.sock")
	resume()
	testkit.Await(t, "the suspended holder to go on", func() bool {
		states, _, err := States()
		return err == nil && len(states) == 1 && states[0].PID == pid
	})
}

// TestStatesUnsafe: a directory of control sockets is not made by asking, and nobody else may use it.
func TestStatesUnsafe(t *testing.T) {
	dir := ownDirectory(t)
	if states, warnings, err := States(); states != nil || warnings != nil || err != nil || testkit.Exists(dir) {
		t.Errorf("without a directory there are %v, %v, %v", states, warnings, err)
	}
	claim(t, mustName(t, "one"), os.Getpid(), "0")
	chmod(t, dir, 0o755)
	if states, _, err := States(); err == nil || states != nil || !strings.Contains(err.Error(), "is not safe") {
		t.Errorf("in an unsafe directory there are %v, %v", states, err)
	}
}

var statesSweepTests = []struct {
	name  string
	age   time.Duration
	stays bool
}{
	{"/file.sock", 2 * markTime, true},
	{"/new.stopped", markTime / 2, true},
	{"/old.stopped", 2 * markTime, false},
	{"/other", 2 * markTime, true},
}

// TestStatesSweep: the files of dead holders are removed, and old marks too.
func TestStatesSweep(t *testing.T) {
	dir := ownDirectory(t)
	mkdir(t, dir)
	socketAt(t, dir+"/dead.sock", false)
	for _, test := range statesSweepTests {
		writeFile(t, dir+test.name)
		if err := os.Chtimes(dir+test.name, time.Now(), time.Now().Add(-test.age)); err != nil {
			t.Fatal(err)
		}
	}
	if states, warnings, err := States(); states != nil || warnings != nil || err != nil {
		t.Errorf("of dead holders there are %v, %v, %v", states, warnings, err)
	}
	if testkit.Exists(dir + "/dead.sock") {
		t.Error("the dead socket is left")
	}
	for _, test := range statesSweepTests {
		if testkit.Exists(dir+test.name) != test.stays {
			t.Errorf("%s is left: %v", test.name, !test.stays)
		}
	}
}

// TestSweep leaves a holder that lives, and needs no directory.
func TestSweep(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	claim(t, c, os.Getpid(), "0")
	c.sweep()
	if len(status(t, c).Sockets) != 1 {
		t.Error("a holder that lives is swept away")
	}
	none := newClient(t)
	none.sweep()
	if testkit.Exists(filepath.Dir(none.control)) {
		t.Error("a directory is made without need")
	}
}

// TestSweepWaits for a process that is about to replace a dead socket.
func TestSweepWaits(t *testing.T) {
	t.Parallel()
	dead := newClient(t)
	mkdir(t, filepath.Dir(dead.control))
	socketAt(t, dead.control, false)
	unlock, err := socket.LockFolder(filepath.Dir(dead.control))
	if err != nil {
		t.Fatal(err)
	}
	swept := make(chan struct{})
	go func() {
		dead.sweep()
		close(swept)
	}()
	select {
	case <-swept:
		t.Error("it does not wait")
	case <-time.After(20 * time.Millisecond): // for nothing to happen
	}
	unlock()
	<-swept
	if testkit.Exists(dead.control) {
		t.Error("the dead socket is left")
	}
}

// TestInUse names the holder that has the address, which the system does not know as such.
func TestInUse(t *testing.T) {
	ownDirectory(t)
	one, two := mustName(t, "one"), mustName(t, "two")
	here, err := workingDirectory()
	if err != nil {
		t.Fatal(err)
	}
	first := claim(t, one, os.Getpid(), "0")
	holder := fmt.Sprintf("the holder of %q (pid %d)", here, first.PID)
	checkInUse(t, two, first.Openings[0].Address(), holder)
	checkInUse(t, two, fmt.Sprintf("*:%d", first.Openings[0].Port()), holder)
}

// checkInUse claims an address that another holder has. The holder that was started for it ends.
func checkInUse(t *testing.T, c *client, text, holder string) {
	t.Helper()
	wanted := testkit.Openings(t, text)
	want := fmt.Sprintf("%s is in use by %s", wanted[0].Address(), holder)
	begin := time.Now()
	_, err := claimAll(c, os.Getpid(), wanted)
	if err == nil || err.Error() != want || testkit.Hint(err) == "" || !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("got %v, want %q", err, want)
	}
	if took := time.Since(begin); took > searchTime {
		t.Errorf("it took %v, as if that holder were gone", took)
	}
	testkit.Await(t, "the holder that has nothing to end", func() bool { return !testkit.Exists(c.control) })
}

// TestInUseByOthers: all other errors stay as they are.
func TestInUseByOthers(t *testing.T) {
	ownDirectory(t)
	claim(t, mustName(t, "one"), os.Getpid(), "0")
	c := mustName(t, "two")
	other := errors.New("another error")
	if err := c.InUse(other); !errors.Is(err, other) {
		t.Errorf("another error becomes %v", err)
	}
	if err := c.InUse(nil); err != nil {
		t.Errorf("no error becomes %v", err)
	}
	address, _ := taken(t)
	_, err := claimAll(c, os.Getpid(), testkit.Openings(t, address))
	if named := c.InUse(err); err == nil || named == nil || named.Error() != err.Error() {
		t.Errorf("%v becomes %v", err, named)
	}
}
