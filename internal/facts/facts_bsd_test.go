//go:build unix && !linux

package facts

import (
	"cmp"
	"os"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// asUser calls f, which must not be root's.
func asUser(t *testing.T, f func() error) error {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("run it as another user than root")
	}
	return f()
}

// queueLimit is the longest listen queue.
func queueLimit(t *testing.T) string {
	t.Helper()
	names := map[string]string{"freebsd": "kern.ipc.soacceptqueue", "openbsd": "kern.somaxconn", "netbsd": "kern.somaxconn"}
	limit, err := unix.SysctlUint32(cmp.Or(names[runtime.GOOS], "kern.ipc.somaxconn"))
	must(t, err)
	return strconv.FormatUint(uint64(limit), 10)
}

func newPoller() (int, error) { return unix.Kqueue() }

// watchExit has an answer when a process ends: NOTE_EXIT of kqueue(2).
func watchExit(t *testing.T, pid int) <-chan error {
	t.Helper()
	kqueue, err := unix.Kqueue()
	must(t, err)
	unix.CloseOnExec(kqueue)
	var change unix.Kevent_t
	unix.SetKevent(&change, pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	change.Fflags = unix.NOTE_EXIT
	_, err = unix.Kevent(kqueue, []unix.Kevent_t{change}, nil, nil)
	must(t, err)
	ended := make(chan error, 1)
	go func() {
		defer unix.Close(kqueue)
		ended <- testkit.Retry(func() error {
			_, err := unix.Kevent(kqueue, nil, make([]unix.Kevent_t, 1), nil)
			return err
		})
	}()
	return ended
}
