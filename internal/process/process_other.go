//go:build !unix

package process

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

func look(int) (name string, parent int, isZombie bool) { return "", 0, false }

// isAlive asks whether the process can be opened; it exists too if that is forbidden.
func isAlive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err == nil {
		p.Release()
	}
	return err == nil || errors.Is(err, os.ErrPermission)
}

func pidfdID() string { return "" }

func peer(int) (pid, uid int, err error) { return 0, -1, errors.ErrUnsupported }

// DefaultOwner returns our parent: there are no sessions here.
func DefaultOwner() (int, error) { return os.Getppid(), nil }

// Watch is never made here.
type Watch struct{}

// WatchEnd always fails here.
func WatchEnd(pid int, _ func()) (*Watch, error) {
	return nil, &Error{fmt.Sprintf("cannot watch process %d on %s", pid, runtime.GOOS), ""}
}

// IsAlive is never called here.
func (w *Watch) IsAlive() bool { return false }

// Stop does nothing.
func (w *Watch) Stop() {}
