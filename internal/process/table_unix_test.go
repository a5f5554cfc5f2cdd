//go:build unix

package process

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// fakeSource has the ends that a test makes up. It is as strict as the table may rely on.
type fakeSource struct {
	t       *testing.T
	news    chan struct{} // wait returns
	isQuiet bool          // wait returns only if the test says so

	mu      sync.Mutex
	watched []int
	ends    []int
	refuse  error // of add
	waitErr error
}

// newFake returns a table with a fake source.
func newFake(t *testing.T) (*table, *fakeSource) {
	s := &fakeSource{t: t, news: make(chan struct{}, 1000)}
	return &table{open: func() (source, error) { return s, nil }}, s
}

func (s *fakeSource) add(pid int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse == nil && (slices.Contains(s.watched, pid) || slices.Contains(s.ends, pid)) {
		s.t.Errorf("%d is added to %v, with the ends %v", pid, s.watched, s.ends)
	}
	if s.refuse == nil {
		s.watched = append(s.watched, pid)
	}
	return s.refuse
}

func (s *fakeSource) remove(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.watched, pid) {
		s.t.Errorf("%d is removed from %v", pid, s.watched)
	}
	s.forget(pid)
	s.ends = slices.DeleteFunc(s.ends, func(p int) bool { return p == pid })
}

func (s *fakeSource) forget(pid int) {
	s.watched = slices.DeleteFunc(s.watched, func(p int) bool { return p == pid })
}

func (s *fakeSource) take() (ended []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pid := range s.ends {
		s.forget(pid)
	}
	ended, s.ends = s.ends, nil
	return ended
}

func (s *fakeSource) wait() error {
	<-s.news
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waitErr
}

// end makes processes end.
func (s *fakeSource) end(pids ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = append(s.ends, pids...)
	if !s.isQuiet {
		s.news <- struct{}{}
	}
}

// has checks what is watched.
func (s *fakeSource) has(want ...int) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.watched, want) {
		s.t.Errorf("watched are %v, want %v", s.watched, want)
	}
}

func (t *table) mustWatch(test *testing.T, pid int) (*Watch, chan struct{}) {
	test.Helper()
	ended := make(chan struct{}, 2)
	w, err := t.watch(pid, func() { ended <- struct{}{} })
	if err != nil {
		test.Fatal(err)
	}
	return w, ended
}

// isEmpty checks that the table keeps nothing of processes that nobody watches.
func (t *table) isEmpty(test *testing.T) {
	test.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.of) != 0 {
		test.Errorf("it has %v", t.of)
	}
}

func TestTableTells(t *testing.T) {
	t.Parallel()
	table, s := newFake(t)
	first, firstEnded := table.mustWatch(t, 7)
	_, secondEnded := table.mustWatch(t, 7)
	other, otherEnded := table.mustWatch(t, 8)
	s.has(7, 8)
	s.end(7)
	awaitEnd(t, firstEnded)
	awaitEnd(t, secondEnded)
	if first.IsAlive() || !other.IsAlive() || len(otherEnded) != 0 {
		t.Error("the end of another process is told")
	}
	first.Stop() // nothing is left to be removed
	s.has(8)
	other.Stop()
	s.has()
	table.isEmpty(t)
}

func TestTableStops(t *testing.T) {
	t.Parallel()
	table, s := newFake(t)
	first, silence := table.mustWatch(t, 7)
	second, ended := table.mustWatch(t, 7)
	for range 2 {
		first.Stop()
	}
	s.has(7) // for the second
	s.end(7)
	awaitEnd(t, ended)
	second.Stop()
	if len(silence) != 0 {
		t.Error("a watch that was stopped tells the end")
	}
	table.isEmpty(t)
}

// An end that nobody has waited for is seen by who asks.
func TestTableLateEnd(t *testing.T) {
	t.Parallel()
	table, s := newFake(t)
	s.isQuiet = true
	w, ended := table.mustWatch(t, 7)
	s.end(7)
	if w.IsAlive() {
		t.Error("alive after its end")
	}
	awaitEnd(t, ended)
}

// A number is used again while the end of the earlier process is still on its way.
func TestTableNumberComesAgain(t *testing.T) {
	t.Parallel()
	table, s := newFake(t)
	s.isQuiet = true
	old, oldEnded := table.mustWatch(t, 7)
	s.end(7)
	w, ended := table.mustWatch(t, 7)
	awaitEnd(t, oldEnded)
	if old.IsAlive() || !w.IsAlive() || len(ended) != 0 {
		t.Error("the old end is told to the new watch")
	}
	old.Stop()
	s.has(7) // Stop of the old one is not for the new one
	s.end(7)
	s.news <- struct{}{}
	awaitEnd(t, ended)
	table.isEmpty(t)
}

// A watch is stopped while the end is on its way. Then the number is used again.
func TestTableStopDropsEnd(t *testing.T) {
	t.Parallel()
	table, s := newFake(t)
	s.isQuiet = true
	old, silence := table.mustWatch(t, 7)
	s.end(7)
	old.Stop()
	w, ended := table.mustWatch(t, 7)
	s.news <- struct{}{}
	s.news <- struct{}{} // the first was seen once this is taken
	testkit.Await(t, "the news to be looked at", func() bool { return len(s.news) == 0 })
	if !w.IsAlive() || len(ended) != 0 || len(silence) != 0 {
		t.Error("the old end is told")
	}
	w.Stop()
	table.isEmpty(t)
}

// Ends that come twice, and ends of numbers that nobody watches.
func TestTableStrangeEnds(t *testing.T) {
	t.Parallel()
	table, s := newFake(t)
	_, ended := table.mustWatch(t, 7)
	other, otherEnded := table.mustWatch(t, 8)
	s.end(9, 7, 7, 0, -1)
	awaitEnd(t, ended)
	s.end(7)
	if !other.IsAlive() || len(ended) != 0 || len(otherEnded) != 0 {
		t.Error("an end is told twice, or to another")
	}
	other.Stop()
	table.isEmpty(t)
}

func TestTableRefuses(t *testing.T) {
	t.Parallel()
	table, s := newFake(t)
	for err, want := range map[error]string{
		unix.ESRCH:  "name another owner: --owner PID",
		unix.ENOMEM: "name another owner: --owner PID",
		unix.EMFILE: "raise the limit of open files: ulimit -n",
	} {
		s.refuse = err
		_, got := table.watch(7, nil)
		var refusal *Error
		if !errors.As(got, &refusal) || refusal.Error() != "cannot watch process 7: "+err.Error() || refusal.Hint() != want {
			t.Errorf("got %v", got)
		}
		table.isEmpty(t)
	}
	s.refuse = nil
	_, ended := table.mustWatch(t, 7)
	s.end(7)
	awaitEnd(t, ended)
}

// Without descriptors there is no source. It is opened as soon as there can be one.
func TestTableWithoutSource(t *testing.T) {
	t.Parallel()
	_, s := newFake(t)
	failures := 2
	table := &table{open: func() (source, error) {
		if failures--; failures >= 0 {
			return nil, unix.EMFILE
		}
		return s, nil
	}}
	for range 2 {
		if w, err := table.watch(7, nil); err == nil || w != nil {
			t.Fatal("watched without a source")
		}
	}
	_, ended := table.mustWatch(t, 7)
	s.end(7)
	awaitEnd(t, ended)
}

// A source that cannot wait is looked at all the same, but not all the time.
func TestTableCannotWait(t *testing.T) {
	t.Parallel()
	table, s := newFake(t)
	s.isQuiet, s.waitErr = true, unix.ENOMEM
	for range cap(s.news) {
		s.news <- struct{}{}
	}
	_, ended := table.mustWatch(t, 7)
	s.end(7)
	awaitEnd(t, ended)
	if looks := cap(s.news) - len(s.news); looks > 100 {
		t.Errorf("it looks %d times", looks)
	}
}

// Everything at once: the race detector looks on.
func TestTableRaces(t *testing.T) {
	t.Parallel()
	table, s := newFake(t)
	var all sync.WaitGroup
	for pid := 2; pid < 10; pid++ {
		all.Go(func() {
			for range 50 {
				w, err := table.watch(pid, func() {})
				if err != nil {
					t.Error(err)
					return
				}
				all.Go(func() { w.IsAlive() })
				all.Go(w.Stop)
			}
		})
		all.Go(func() {
			for range 10 {
				s.endIfWatched(pid)
				time.Sleep(time.Millisecond)
			}
		})
	}
	all.Wait()
	s.has()
	table.isEmpty(t)
}

// endIfWatched makes a process end if it is watched: no other ends.
func (s *fakeSource) endIfWatched(pid int) {
	s.mu.Lock()
	isWatched := slices.Contains(s.watched, pid) && !slices.Contains(s.ends, pid)
	s.mu.Unlock()
	if isWatched {
		s.end(pid)
	}
}
