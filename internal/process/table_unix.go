//go:build unix

package process

import (
	"slices"
	"sync"
	"time"
)

// source is the way of a system to tell which of the watched processes have ended. Only wait may be called during another call.
type source interface {
	// add fails with ESRCH if the process has ended, a zombie included.
	add(pid int) error

	// remove forgets a process, and its end if it has ended. take does not return it any more.
	remove(pid int)

	// take returns the processes that have ended, and forgets them. It does not wait.
	take() (ended []int)

	// wait returns once take has something to return. It may return earlier.
	wait() error
}

// table has the watches of each process, and one goroutine that waits for its source.
//
// A source knows only numbers. So the table takes all ends before it watches a number: then an end is never that of an earlier process
// with the same number.
type table struct {
	open   func() (source, error)
	mu     sync.Mutex
	source source           // opened at first use
	of     map[int][]*Watch // by number; never an empty list
}

func (t *table) add(w *Watch) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.start(); err != nil {
		return err
	}
	t.tell()
	if t.of[w.pid] == nil {
		if err := t.source.add(w.pid); err != nil {
			return err
		}
	}
	t.of[w.pid] = append(t.of[w.pid], w)
	return nil
}

func (t *table) start() error {
	if t.source != nil {
		return nil
	}
	s, err := t.open()
	if err != nil {
		return err
	}
	t.source, t.of = s, map[int][]*Watch{}
	go t.wait(s)
	return nil
}

// wait reports each end when it happens. If the source cannot wait, it looks ten times per second.
func (t *table) wait(s source) {
	for {
		if s.wait() != nil {
			time.Sleep(time.Second / 10)
		}
		t.mu.Lock()
		t.tell()
		t.mu.Unlock()
	}
}

// tell reports the ends that have happened. Each watch is called in a goroutine of its own, because the call may take long, and may
// call Stop. The caller has mu.
func (t *table) tell() {
	for _, pid := range t.source.take() {
		for _, w := range t.of[pid] {
			go w.end()
		}
		delete(t.of, pid)
	}
}

// has reports whether the process of a watch has not ended yet.
func (t *table) has(w *Watch) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tell()
	return slices.Contains(t.of[w.pid], w)
}

func (t *table) remove(w *Watch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.of[w.pid], w)
	if i < 0 {
		return // its end was reported, and another process may have the number
	}
	t.of[w.pid] = slices.Delete(t.of[w.pid], i, i+1)
	if len(t.of[w.pid]) == 0 {
		delete(t.of, w.pid)
		t.source.remove(w.pid)
	}
}
