//go:build unix

package process

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// watch watches a process, and returns the channel that is told of its end.
func watch(t *testing.T, pid int) (*Watch, chan struct{}) {
	t.Helper()
	ended := make(chan struct{}, 2)
	w, err := WatchEnd(pid, func() { ended <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return w, ended
}

func awaitEnd(t *testing.T, ended chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(testkit.Patience):
		t.Fatal("the end is not told")
	}
}

func TestWatchEnd(t *testing.T) {
	t.Parallel()
	cmd := sleeper(t)
	w, ended := watch(t, cmd.Process.Pid)
	if !w.IsAlive() {
		t.Error("not alive at first")
	}
	cmd.Process.Kill()
	awaitEnd(t, ended)
	if w.IsAlive() {
		t.Error("alive after its end")
	}
	w.Stop()
	if len(ended) != 0 {
		t.Error("the end is told twice")
	}
}

func TestTwoWatches(t *testing.T) {
	t.Parallel()
	cmd := sleeper(t)
	stopped, silence := watch(t, cmd.Process.Pid)
	first, firstEnded := watch(t, cmd.Process.Pid)
	second, secondEnded := watch(t, cmd.Process.Pid)
	other, otherEnded := watch(t, sleeper(t).Process.Pid)
	for range 2 {
		stopped.Stop()
	}
	if stopped.IsAlive() || !first.IsAlive() || !second.IsAlive() {
		t.Error("Stop is for one watch")
	}
	cmd.Process.Kill()
	awaitEnd(t, firstEnded)
	awaitEnd(t, secondEnded)
	if len(silence) != 0 {
		t.Error("a watch that was stopped tells the end")
	}
	if !other.IsAlive() || len(otherEnded) != 0 {
		t.Error("the end of another process is told")
	}
}

// The last Stop of a process, then a new watch.
func TestWatchAgain(t *testing.T) {
	t.Parallel()
	cmd := sleeper(t)
	for range 3 {
		w, _ := watch(t, cmd.Process.Pid)
		w.Stop()
	}
	_, ended := watch(t, cmd.Process.Pid)
	cmd.Process.Kill()
	awaitEnd(t, ended)
}

func TestStopInEnded(t *testing.T) {
	t.Parallel()
	cmd := sleeper(t)
	made, ended := make(chan *Watch, 1), make(chan struct{})
	w, err := WatchEnd(cmd.Process.Pid, func() {
		(<-made).Stop()
		close(ended)
	})
	if err != nil {
		t.Fatal(err)
	}
	made <- w
	cmd.Process.Kill()
	awaitEnd(t, ended)
}

// Each process is watched, ends, and is stopped at the same time: the race detector looks on.
func TestManyWatches(t *testing.T) {
	t.Parallel()
	for range 20 {
		cmd := sleeper(t)
		stopped, _ := watch(t, cmd.Process.Pid)
		_, ended := watch(t, cmd.Process.Pid)
		go stopped.IsAlive()
		go cmd.Process.Kill()
		go stopped.Stop()
		awaitEnd(t, ended)
	}
}

func TestWatchInit(t *testing.T) {
	t.Parallel()
	w, err := WatchEnd(Init, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !w.IsAlive() {
		t.Error("process 1 is not alive")
	}
	w.Stop()
	w.Stop()
	if w.IsAlive() {
		t.Error("alive after Stop")
	}
}

func TestWatchRefuses(t *testing.T) {
	t.Parallel()
	gone := sleeper(t)
	gone.Process.Kill()
	gone.Wait()
	for _, pid := range []int{gone.Process.Pid, noPID, 0, -1, -os.Getpid()} {
		refuses(t, pid)
	}
	refuses(t, zombie(t).Process.Pid)
}

func refuses(t *testing.T, pid int) {
	t.Helper()
	_, err := WatchEnd(pid, func() { t.Errorf("the end of process %d is told", pid) })
	var refusal *Error
	if !errors.As(err, &refusal) {
		t.Fatalf("process %d: got %v", pid, err)
	}
	want := fmt.Sprintf("cannot watch process %d: %v", pid, unix.ESRCH)
	if refusal.Error() != want || refusal.Hint() != "name another owner: --owner PID" {
		t.Errorf("got %q, %q; want %q", refusal, refusal.Hint(), want)
	}
}
