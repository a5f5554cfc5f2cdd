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

// ownDirectory gives a test a directory of control sockets that no other has. Such a test is not parallel.
func ownDirectory(t *testing.T) (dir string) {
	t.Helper()
	dir = testkit.Directory(t)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	return dir + "/systemfd"
}

func named(t *testing.T, name string) *Client {
	t.Helper()
	c, err := Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return clientAt(t, c.Control())
}

// TestStates asks holders of which some do not answer: that costs a second and a warning each, at once, and not the
// state of the others.
func TestStates(t *testing.T) {
	dir := ownDirectory(t)
	if states, warnings, err := States(); states != nil || warnings != nil || err != nil || testkit.Exists(dir) {
		t.Errorf("without a directory there are %v, %v, %v", states, warnings, err)
	}
	one, two, stopped := named(t, "one"), named(t, "two"), named(t, "stopped")
	bound := claim(t, one, os.Getpid(), "a=http::0", "udp::0").Openings
	claim(t, two, os.Getpid(), "0")
	pid := claim(t, stopped, os.Getpid(), "0").PID
	unix.Kill(pid, unix.SIGSTOP)
	defer unix.Kill(pid, unix.SIGCONT)
	testkit.Await(t, "it to stop", func() bool {
		_, _, err := stopped.ask(wire.Request{Op: wire.Status}, 50*time.Millisecond)
		return err != nil
	})
	socketAt(t, dir+"/mute.sock", true)
	socketAt(t, dir+"/dead.sock", false)
	for path, age := range map[string]time.Duration{"/file.sock": 2 * markTime, "/new.stopped": markTime / 2, "/old.stopped": 2 * markTime, "/other": 2 * markTime} {
		if err := os.WriteFile(dir+path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir+path, time.Now(), time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}

	begin := time.Now()
	states, warnings, err := States()
	took := time.Since(begin)
	if err != nil || len(states) != 2 || states[0].Control != one.control || states[1].Control != two.control {
		t.Fatalf("the states are %+v, %v", states, err)
	}
	if got := states[0].Sockets; len(got) != 2 || got[0].Opening != bound[0] || got[1].Opening != bound[1] || got[0].Owners[0].PID != os.Getpid() {
		t.Errorf("the state is %+v, not %v", states[0], bound)
	}
	want := []string{fmt.Sprintf("the holder at %q does not answer", dir+"/mute.sock"), fmt.Sprintf("the holder at %q does not answer", dir+"/stopped.sock")}
	if !slices.Equal(warnings, want) {
		t.Errorf("the warnings are %q, not %q", warnings, want)
	}
	if took < lookTime || took > 2*lookTime {
		t.Errorf("it took %v", took)
	}
	for name, stays := range map[string]bool{"/dead.sock": false, "/old.stopped": false, "/new.stopped": true, "/file.sock": true, "/other": true, "/mute.sock": true, "/stopped.sock": true} {
		if testkit.Exists(dir+name) != stays {
			t.Errorf("%s is left: %v", name, !stays)
		}
	}

	os.Remove(dir + "/mute.sock")
	unix.Kill(pid, unix.SIGCONT)
	testkit.Await(t, "the stopped holder to go on", func() bool {
		states, _, err := States()
		return err == nil && len(states) == 3 && states[1].PID == pid
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if states, _, err := States(); err == nil || states != nil || !strings.Contains(err.Error(), "is not safe") {
		t.Errorf("in an unsafe directory there are %v, %v", states, err)
	}
}

// TestSweep removes dead sockets only, and waits for whoever is about to replace one.
func TestSweep(t *testing.T) {
	t.Parallel()
	c := client(t)
	claim(t, c, os.Getpid(), "0")
	c.sweep()
	if len(status(t, c).Sockets) != 1 {
		t.Error("a holder that lives is swept away")
	}
	dead := client(t)
	dead.sweep() // there is not even a directory
	if err := os.Mkdir(filepath.Dir(dead.control), 0o700); err != nil {
		t.Fatal(err)
	}
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
	one, two := named(t, "one"), named(t, "two")
	first := claim(t, one, os.Getpid(), "0")
	port := first.Openings[0].Port()
	here, err := workingDirectory()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{first.Openings[0].Address(), fmt.Sprintf("*:%d", port)} {
		wanted := testkit.Openings(t, text)
		want := fmt.Sprintf("%s is in use by the holder of %q (pid %d)", wanted[0].Address(), here, first.PID)
		begin := time.Now()
		_, err := claimAll(two, os.Getpid(), wanted)
		if err == nil || err.Error() != want || testkit.Hint(err) == "" || !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("got %v, want %q", err, want)
		}
		if took := time.Since(begin); took > searchTime {
			t.Errorf("it took %v, as if that holder were gone", took)
		}
		if testkit.Exists(two.control) {
			testkit.Await(t, "the holder that has nothing to end", func() bool { return !testkit.Exists(two.control) })
		}
	}
	other := errors.New("another error")
	if err := two.InUse(other); !errors.Is(err, other) {
		t.Errorf("another error becomes %v", err)
	}
	if err := two.InUse(nil); err != nil {
		t.Errorf("no error becomes %v", err)
	}
	address, _ := taken(t)
	_, err = claimAll(two, os.Getpid(), testkit.Openings(t, address))
	if named := two.InUse(err); err == nil || named == nil || named.Error() != err.Error() {
		t.Errorf("%v becomes %v", err, named)
	}
}
