//go:build !unix && !windows

package process

import (
	"errors"
	"os"
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

// DefaultOwner returns our parent: there are no sessions here.
func DefaultOwner() (int, error) { return os.Getppid(), nil }

// CallingShell is not asked for.
func CallingShell() string { return "" }

// LeadsGroup is false: there are no process groups here.
func LeadsGroup() bool { return false }

// ShowsColors is false: nobody knows.
func ShowsColors(*os.File) bool { return false }
