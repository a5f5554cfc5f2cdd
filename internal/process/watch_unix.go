//go:build unix

package process

import (
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Watch waits for the end of one process. A process that gets the same number later is not mistaken for it.
type Watch struct {
	pid    int
	ended  func()
	isOver atomic.Bool // the process has ended, or Stop was called
	source             // what the system waits on; unused for Init
}

// WatchEnd calls ended, once and from another goroutine, when a process ends. Init never does. It fails if the
// process is not alive now. Each watch takes a descriptor on Linux. Its errors are *Error.
func WatchEnd(pid int, ended func()) (*Watch, error) {
	w := &Watch{pid: pid, ended: ended}
	if pid == Init {
		return w, nil
	}
	err := error(unix.ESRCH)
	if pid > Init {
		err = w.start()
	}
	if err != nil {
		remedy := "name another owner: --owner PID"
		if errors.Is(err, unix.EMFILE) {
			remedy = "raise the limit of open files: ulimit -n"
		}
		return nil, &Error{fmt.Sprintf("cannot watch process %d: %v", pid, err), remedy}
	}
	return w, nil
}

// IsAlive reports whether the process runs. It asks now: the news of an end may still be on its way. It is false
// after Stop.
func (w *Watch) IsAlive() bool {
	return !w.isOver.Load() && (w.pid == Init || w.isRunning())
}

// Stop ends the watch: ended is not called any more. It does not wait for a call that has begun, so ended may call
// it, and so may somebody who holds a lock that ended takes. Further calls do nothing.
func (w *Watch) Stop() {
	if !w.isOver.Swap(true) && w.pid != Init {
		w.release()
	}
}

// end tells that the process has ended.
func (w *Watch) end() {
	if !w.isOver.Swap(true) {
		w.release()
		w.ended()
	}
}
