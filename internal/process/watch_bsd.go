//go:build unix && !linux

package process

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// source is the table that has the watch.
type source struct{ table *table }

// watches are all watches of this program.
var watches = table{of: map[int][]*Watch{}}

func (w *Watch) start() error {
	w.table = &watches
	return w.table.add(w)
}

func (w *Watch) isRunning() bool { return w.table.has(w) && IsAlive(w.pid) }

func (w *Watch) release() { w.table.remove(w) }

// table is one kqueue(2) with a NOTE_EXIT filter for each watched number, and one goroutine that waits for it.
//
// An event says only which number has ended. So events are taken off the queue only while mu is held, and all of
// them before a number is watched: then an event is never for the process that had the number before.
type table struct {
	mu     sync.Mutex
	isOpen bool
	kqueue int
	of     map[int][]*Watch // by number; never an empty list
}

func (t *table) add(w *Watch) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.open(); err != nil {
		return err
	}
	t.takeEvents()
	if t.of[w.pid] == nil {
		if err := t.change(w.pid, unix.EV_ADD|unix.EV_ONESHOT); err != nil {
			return err
		}
	}
	t.of[w.pid] = append(t.of[w.pid], w)
	// macOS tells no end that happened while the filter was being added, and FreeBSD adds it for a zombie too.
	if !IsAlive(w.pid) {
		t.drop(w)
		return unix.ESRCH
	}
	return nil
}

func (t *table) remove(w *Watch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(w)
}

// has reports whether the end of a process has not happened yet, as far as the queue knows.
func (t *table) has(w *Watch) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.takeEvents()
	return slices.Contains(t.of[w.pid], w)
}

func (t *table) drop(w *Watch) {
	i := slices.Index(t.of[w.pid], w)
	if i < 0 {
		return // its end was told, and the number may be another process's
	}
	t.of[w.pid] = slices.Delete(t.of[w.pid], i, i+1)
	if len(t.of[w.pid]) == 0 {
		delete(t.of, w.pid)
		t.change(w.pid, unix.EV_DELETE)
	}
}

// open makes the kqueue at first use. It is not inherited by fork(2), and closed by execve(2).
func (t *table) open() error {
	if t.isOpen {
		return nil
	}
	kqueue, err := unix.Kqueue()
	if err != nil {
		return err
	}
	unix.CloseOnExec(kqueue)
	t.kqueue, t.isOpen = kqueue, true
	go t.wait(kqueue)
	return nil
}

func (t *table) change(pid, flags int) error {
	var event unix.Kevent_t
	unix.SetKevent(&event, pid, unix.EVFILT_PROC, flags)
	event.Fflags = unix.NOTE_EXIT
	_, err := unix.Kevent(t.kqueue, []unix.Kevent_t{event}, nil, nil)
	return err
}

// wait sleeps in poll(2), which takes no event off the queue. If poll fails, it looks ten times a second.
func (t *table) wait(kqueue int) {
	for {
		ready := []unix.PollFd{{Fd: int32(kqueue), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, -1); err != nil || ready[0].Revents != unix.POLLIN {
			time.Sleep(time.Second / 10)
		}
		t.mu.Lock()
		t.takeEvents()
		t.mu.Unlock()
	}
}

// takeEvents takes all events off the queue and tells them.
func (t *table) takeEvents() {
	events := make([]unix.Kevent_t, 16)
	for {
		n, err := unix.Kevent(t.kqueue, nil, events, &unix.Timespec{})
		if err == unix.EINTR {
			continue
		}
		for i := range max(n, 0) {
			t.tell(int(events[i].Ident))
		}
		if n < len(events) {
			return
		}
	}
}

// tell tells the watches of a process that it has ended. Each has a goroutine of its own: what it calls may take
// long, and may call Stop.
func (t *table) tell(pid int) {
	for _, w := range t.of[pid] {
		go w.end()
	}
	delete(t.of, pid)
}
