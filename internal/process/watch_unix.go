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
	table  *table      // the table that has it; unused for Init
}

// watches are all watches of this program.
var watches = table{open: openSource}

// WatchEnd calls ended, once and from another goroutine, when a process ends. Init never does. It fails if the
// process is not alive now. On Linux each watched process takes a descriptor. Its errors are *Error.
func WatchEnd(pid int, ended func()) (*Watch, error) { return watches.watch(pid, ended) }

func (t *table) watch(pid int, ended func()) (*Watch, error) {
	w := &Watch{pid: pid, ended: ended, table: t}
	if pid == Init {
		return w, nil
	}
	err := error(unix.ESRCH)
	if pid > Init {
		err = t.add(w)
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

// IsAlive reports whether the process runs. It asks the system now, because the news of an end may still be on its way. It is false
// after Stop.
func (w *Watch) IsAlive() bool {
	return !w.isOver.Load() && (w.pid == Init || w.table.has(w))
}

// Stop ends the watch: ended is not called any more. It does not wait for a call that has begun, so ended may call it. So may a caller
// that has locked a mutex that ended locks. Further calls do nothing.
func (w *Watch) Stop() {
	if !w.isOver.Swap(true) && w.pid != Init {
		w.table.remove(w)
	}
}

// end tells that the process has ended.
func (w *Watch) end() {
	if !w.isOver.Swap(true) {
		w.ended()
	}
}
