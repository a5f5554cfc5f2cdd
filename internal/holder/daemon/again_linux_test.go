package daemon

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux: it chooses process IDs, in a pid namespace.

// reborn starts processes until one has the ID of one that has ended. It returns nil if a thread of ours has taken that.
func reborn(t *testing.T, pid int) *exec.Cmd {
	t.Helper()
	const last = "/proc/sys/kernel/ns_last_pid"
	for range 20 {
		if err := os.WriteFile(last, []byte(strconv.Itoa(pid-1)), 0); err != nil {
			t.Fatalf("process IDs cannot be chosen: %v", err)
		}
		cmd := testkit.Sleeper(t)
		if cmd.Process.Pid == pid {
			return cmd
		}
		testkit.End(cmd)
	}
	return nil
}

// TestProcessIDComesAgain: an owner ends while the holder does not look, and another process with the same ID claims the same sockets.
// The end of the first is not taken for that of the second. It runs in a pid namespace, whose IDs nobody else needs.
func TestProcessIDComesAgain(t *testing.T) {
	t.Parallel()
	if os.Getpid() != process.Init {
		againInNamespace(t)
		return
	}
	tries := 0
	for range 20 {
		if comesAgain(t) {
			tries++
		}
	}
	if tries == 0 {
		t.Error("no process ID has come again")
	}
}

// againInNamespace runs this test again, as process 1.
func againInNamespace(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	inNamespace(t, cmd)
	if err := cmd.Wait(); err != nil || !strings.Contains(output.String(), "--- PASS") {
		t.Errorf("%v: %s", err, output.String())
	}
}

// comesAgain has an owner end, and another process store under its ID. It reports whether the ID has come again.
func comesAgain(t *testing.T) bool {
	s, first := serving(t), testkit.Sleeper(t)
	pid := first.Process.Pid
	bound := claimed(t, s.path, pid, "0")
	c := connect(t, s.path)
	c.claim(pid, "0")
	var second *exec.Cmd
	s.locked(func() {
		testkit.End(first)
		second = reborn(t, pid)
		c.store()
		time.Sleep(time.Millisecond) // now both are on their way: the news, and the store
	})
	if second == nil {
		return false
	}
	c.answer()
	time.Sleep(5 * time.Millisecond) // for nothing to happen
	if number, isWatched := s.numberOf(party{pid, owner}); number == 0 || !isWatched || !testkit.Listens(t, parsed(t, bound[0])) {
		t.Errorf("the claim is %d, watched: %v", number, isWatched)
	}
	testkit.End(second)
	s.isOver(t)
	return true
}
