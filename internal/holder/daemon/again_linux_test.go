package daemon

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

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

// TestProcessIDComesAgain: an owner ends while the holder does not look, and another process with its ID claims what it
// had. The end of the first is not taken for that of the second. It runs in a pid namespace, whose IDs nobody else needs.
func TestProcessIDComesAgain(t *testing.T) {
	t.Parallel()
	if os.Getpid() != process.Init {
		cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
		var output strings.Builder
		cmd.Stdout, cmd.Stderr = &output, &output
		inNamespace(t, cmd)
		if err := cmd.Wait(); err != nil || !strings.Contains(output.String(), "--- PASS") {
			t.Errorf("%v: %s", err, output.String())
		}
		return
	}
	tries := 0
	for range 20 {
		s, first := serving(t), testkit.Sleeper(t)
		pid := first.Process.Pid
		bound := claimed(t, s.path, pid, "0")
		c := connect(t, s.path)
		c.ask(wire.Request{Op: wire.Claim, Owner: pid, Openings: encoded(t, "0")})
		c.answer()
		var second *exec.Cmd
		s.locked(func() {
			testkit.End(first)
			if second = reborn(t, pid); second == nil {
				return
			}
			tries++
			c.send(nil, wire.Store{})
			time.Sleep(time.Millisecond) // both are on their way by now: the news, and the store
		})
		if second == nil {
			continue
		}
		if h := c.header(); h.Error != "" {
			t.Fatalf("refused: %+v", h)
		}
		time.Sleep(5 * time.Millisecond) // for nothing to happen
		if number, isWatched := s.numberOf(party{pid, owner}); number == 0 || !isWatched || !testkit.Listens(t, parsed(t, bound[0])) {
			t.Errorf("the claim is %d, watched: %v", number, isWatched)
		}
		testkit.End(second)
		s.isOver(t)
	}
	if tries == 0 {
		t.Error("no process ID has come again")
	}
}
