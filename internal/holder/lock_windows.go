package holder

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// lock lets nobody else claim or start a holder until unlock. Windows takes it back if we are killed.
func (c *client) lock() (unlock func(), err error) {
	folder := filepath.Dir(c.control)
	if err = os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err = windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, new(windows.Overlapped)); err != nil {
		file.Close()
		return nil, err
	}
	return func() { file.Close() }, nil
}
