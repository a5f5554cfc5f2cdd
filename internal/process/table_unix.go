//go:build unix

package process

import (
	"slices"
	"sync"
	"time"
)

// source is how the system tells which of the processes that it watches have ended. Only wait is called while another
// call may be under way.
type source interface {
	// add fails with ESRCH if the process has ended, a zombie included.
	add(pid int) error

	// remove forgets a process, and its end if that has happened. take does not return it any more.
	remove(pid int)

	// take returns the processes that have ended, and forgets them. It does not wait.
	take() (ended []int)

	// wait returns once take has something to return. It may return earlier.
	wait() error
}

// table has the watches of each process, and one goroutine that waits for its source.
//
// A source says only which number has ended. So all ends are taken off before a number is watched: then an end is never
// that of the process that had the number before.
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

// wait tells each end when it happens. If the source cannot wait, it looks ten times a second.
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

// tell tells the ends that have happened. Each watch has a goroutine of its own: what it calls may take long, and may
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
		return // its end was told, and the number may be another process's
	}
	t.of[w.pid] = slices.Delete(t.of[w.pid], i, i+1)
	if len(t.of[w.pid]) == 0 {
		delete(t.of, w.pid)
		t.source.remove(w.pid)
	}
}
