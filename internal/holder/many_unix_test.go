//go:build unix

package holder

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// needDescriptors skips a test if this process, or a holder, cannot have so many.
func needDescriptors(t *testing.T, count uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) < count {
		t.Skipf("the limit of open files is %d, and %d are needed", limit.Cur, count)
	}
}

// claimTwice claims sockets of a holder that has none of them, and claims them again.
func claimTwice(t *testing.T, c *client, pid int, wanted []spec.Opening) (bound []spec.Opening) {
	t.Helper()
	for i := range 2 {
		claimed, err := c.Claim(os.Getpid(), wanted)
		if err != nil || len(claimed.Openings) != len(wanted) || claimed.IsNew[len(wanted)-1] != (i == 0) || claimed.PID != pid {
			t.Fatalf("claimed are %d of process %d, %v", len(claimed.Openings), claimed.PID, err)
		}
		if i > 0 && !slices.Equal(bound, claimed.Openings) {
			t.Fatal("the same claim gives others")
		}
		bound = claimed.Openings
	}
	return bound
}

// manySockets claims so many sockets of a new holder, claims them again, and fetches them. It returns the holder.
func manySockets(t *testing.T, count int) (pid int) {
	t.Helper()
	c := newClient(t)
	pid = claim(t, c, os.Getpid(), "udp::0").PID
	bound := claimTwice(t, c, pid, testkit.Openings(t, slices.Repeat([]string{testkit.FreeHost() + ":0"}, count)...))
	all, err := c.Fetch(bound)
	if err != nil || len(all) != count || all[count-1].Socket.Addr != bound[count-1].Addr {
		t.Fatalf("fetched %d, %v", len(all), err)
	}
	CloseFetched(all)
	if state := status(t, c); len(state.Sockets) != count {
		t.Fatalf("kept are %d", len(state.Sockets))
	}
	return pid
}

// TestTooLarge: a claim that is too large for a message is refused here, and the holder is not disturbed.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	claim(t, c, os.Getpid(), "0")
	wanted := testkit.Openings(t, slices.Repeat([]string{"unix::/tmp/" + strings.Repeat("a", 100_000)}, 12)...)
	_, err := claimAll(c, os.Getpid(), wanted)
	if err == nil || err.Error() != "the message is too large" || testkit.Hint(err) != "open fewer sockets at once" {
		t.Errorf("claimed: %v", err)
	}
	if _, err := c.Fetch(wanted); err == nil || err.Error() != "the message is too large" {
		t.Errorf("fetched: %v", err)
	}
	if state := status(t, c); len(state.Sockets) != 1 {
		t.Errorf("the state is %+v", state)
	}
}

// TestFewDescriptors is a client whose limit is lower than what it fetches.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	bound := claim(t, c, os.Getpid(), slices.Repeat([]string{"0"}, 100)...).Openings
	cmd := exec.Command("sh", append([]string{"-c", `ulimit -n 64; exec "$0" "$@"`, os.Args[0]}, texts(bound)...)...)
	cmd.Env = append(os.Environ(), userVariable+"="+c.control)
	output, err := cmd.Output()
	if cmd.ProcessState.ExitCode() != 1 || !strings.HasPrefix(string(output), `cannot talk to the holder at "`+c.control+`": too many open files`) {
		t.Errorf("it says %q, %v", output, err)
	}
	if state := status(t, c); len(state.Sockets) != 100 {
		t.Errorf("kept are %d", len(state.Sockets))
	}
}
