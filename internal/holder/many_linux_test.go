package holder

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux: it limits a holder with prlimit(2) and reads the clock of another process.

// TestManySocketsAreLinear compares the processor time of 8 times as many sockets: that takes 8 times as much, and what is
// quadratic 64 times. It is not parallel: it takes the time of this process.
func TestManySocketsAreLinear(t *testing.T) {
	needDescriptors(t, 9000)
	took := func(count int) (ours, holders time.Duration) {
		var before, after, theirs unix.Timespec
		clock := func(id int32, now *unix.Timespec) {
			if err := unix.ClockGettime(id, now); err != nil {
				t.Fatal(err)
			}
		}
		clock(unix.CLOCK_PROCESS_CPUTIME_ID, &before)
		pid := manySockets(t, count)
		clock(unix.CLOCK_PROCESS_CPUTIME_ID, &after)
		clock(int32(^pid<<3|2), &theirs) // clock_getcpuclockid(3)
		return time.Duration(after.Nano() - before.Nano()), time.Duration(theirs.Nano())
	}
	few, fewOfHolder := took(500)
	many, manyOfHolder := took(4000)
	t.Logf("500 sockets take %v here, %v there; 4000 take %v and %v", few, fewOfHolder, many, manyOfHolder)
	if many > 32*few || manyOfHolder > 32*fewOfHolder {
		t.Errorf("500 sockets take %v here, %v there; 4000 take %v and %v", few, fewOfHolder, many, manyOfHolder)
	}
}

// TestHolderIsFull has a holder reach its limit: the claim is refused, what was opened for it is gone, and what was kept
// stays.
func TestHolderIsFull(t *testing.T) {
	t.Parallel()
	c, dir := newClient(t), testkit.Directory(t)
	claimed := claim(t, c, os.Getpid(), "0", dir+"/kept")
	if err := unix.Prlimit(claimed.PID, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 100, Max: 100}, nil); err != nil {
		t.Fatal(err)
	}
	texts := append([]string{"0", dir + "/kept", dir + "/new"}, slices.Repeat([]string{"udp::0"}, 2000)...)
	_, err := claimAll(c, os.Getpid(), testkit.Openings(t, texts...))
	if err == nil || err.Error() != "cannot take the sockets: too many open files" || testkit.Hint(err) != "raise the limit of open files: ulimit -n" {
		t.Errorf("got %v, hint %q", err, testkit.Hint(err))
	}
	if left, _ := filepath.Glob(dir + "/*"); !slices.Equal(left, []string{dir + "/kept"}) {
		t.Errorf("left are %q", left)
	}
	state := status(t, c)
	if len(state.Sockets) != 2 || state.PID != claimed.PID || !testkit.Listens(t, claimed.Openings[0]) || !testkit.Listens(t, claimed.Openings[1]) {
		t.Errorf("the state is %+v", state)
	}
	if _, err := c.Stop(nil); err != nil {
		t.Error(err)
	}
}
