//go:build unix

package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
)

// makeFolders makes the missing parent directories of a path, and returns them, the outermost first. Their mode is exact, like
// DirectoryMode of systemd.socket(5).
func makeFolders(o spec.Opening) (made []string, err error) {
	if !o.MakeDirectories || o.Path == "" || o.IsAbstract() {
		return nil, nil
	}
	mode := uint32(0o755)
	if o.DirectoryMode.IsSet {
		mode = o.DirectoryMode.Value
		defer unix.Umask(unix.Umask(0))
	}
	for _, folder := range slices.Backward(missingFolders(filepath.Dir(Absolute(o.Path)))) {
		err := unix.Mkdir(folder, mode)
		if err == nil {
			made = append(made, folder)
			err = setSpecialBits(folder, mode)
		}
		if err != nil {
			removeFolders(made)
			return nil, &Error{Spec: o.Spec, Text: fmt.Sprintf("cannot make directory %q: %v", folder, err), Err: err}
		}
	}
	return made, nil
}

// setSpecialBits sets the bits that mkdir(2) ignores: set-group-ID and, on macOS and the BSDs, the sticky bit.
func setSpecialBits(folder string, mode uint32) error {
	if mode&^0o777 == 0 {
		return nil
	}
	return unix.Chmod(folder, mode)
}

// missingFolders returns those of folder and its parent directories that do not exist, the innermost first.
func missingFolders(folder string) (missing []string) {
	for ; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
			return missing
		}
		missing = append(missing, folder)
	}
}

// removeFolders undoes makeFolders. It leaves directories that somebody else uses by now.
func removeFolders(made []string) {
	for _, folder := range slices.Backward(made) {
		if unix.Rmdir(folder) != nil {
			return
		}
	}
}
