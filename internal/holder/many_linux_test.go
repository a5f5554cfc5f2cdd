package holder

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// TestHolderIsFull has a holder reach its limit: the claim is refused, what was opened for it is gone, and what was kept
// stays.
func TestHolderIsFull(t *testing.T) {
	t.Parallel()
	c, dir := client(t), directory(t)
	claimed := claim(t, c, os.Getpid(), "0", dir+"/kept")
	if err := unix.Prlimit(claimed.PID, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 100, Max: 100}, nil); err != nil {
		t.Fatal(err)
	}
	texts := append([]string{"0", dir + "/kept", dir + "/new"}, slices.Repeat([]string{"udp::0"}, 2000)...)
	_, err := claimAll(c, os.Getpid(), openings(t, texts...))
	if err == nil || err.Error() != "cannot take the sockets: too many open files" || hint(err) != "raise the limit of open files: ulimit -n" {
		t.Errorf("got %v, hint %q", err, hint(err))
	}
	if left, _ := filepath.Glob(dir + "/*"); !slices.Equal(left, []string{dir + "/kept"}) {
		t.Errorf("left are %q", left)
	}
	if state := status(t, c); len(state.Sockets) != 2 || state.PID != claimed.PID || !listens(t, claimed.Openings[0]) || !listens(t, claimed.Openings[1]) {
		t.Errorf("the state is %+v", state)
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
}
