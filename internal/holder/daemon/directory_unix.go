//go:build unix

package daemon

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// OpenControl opens the control socket of a holder, and replaces the one of a dead holder. It makes the directory if that is missing.
// If two processes open the same control socket, one of them gets an error that is EADDRINUSE.
func OpenControl(path string) (socket.Socket, error) {
	if err := makeDirectory(directoryOf(path)); err != nil {
		return socket.Socket{}, err
	}
	control := spec.Opening{
		Spec:    spec.Spec{Type: spec.TypeOf(spec.Unix, spec.Stream), Path: path},
		Options: spec.Options{Backlog: 128, Mode: spec.Some[uint32](0o600)},
	}
	opened, err := socket.Open(control)
	var failed *socket.Error
	if errors.As(err, &failed) && failed.Remedy == "" {
		err = &Error{Text: fmt.Sprintf("cannot make control socket %q: %v", path, failed.Err), Remedy: "set XDG_RUNTIME_DIR to a directory of yours that can be written to"}
	}
	return opened, err
}

func makeDirectory(directory string) error {
	for {
		if err := unix.Mkdir(directory, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
			return &Error{Text: fmt.Sprintf("cannot make directory %q: %v", directory, err), Remedy: "set XDG_RUNTIME_DIR to a directory of yours that can be written to"}
		}
		if err := CheckDirectory(directory, os.Geteuid()); !errors.Is(err, unix.ENOENT) { // removed meanwhile
			return err
		}
	}
}

// CheckDirectory refuses a directory of control sockets into which somebody other than uid could have put one. Its errors
// are *Error, and ENOENT if there is none.
func CheckDirectory(directory string, uid int) error {
	problem := ""
	var stat unix.Stat_t
	err := unix.Lstat(directory, &stat)
	switch {
	case err != nil:
		problem = err.Error()
	case stat.Mode&unix.S_IFMT == unix.S_IFLNK:
		problem = "it is a symbolic link"
	case stat.Mode&unix.S_IFMT != unix.S_IFDIR:
		problem = "it is not a directory"
	case int(stat.Uid) != uid:
		problem = fmt.Sprintf("it belongs to uid %d", stat.Uid)
	case stat.Mode&0o077 != 0:
		problem = fmt.Sprintf("others may use it (mode %04o)", stat.Mode&0o7777)
	default:
		return nil
	}
	return &Error{Text: fmt.Sprintf("directory %q is not safe: %s", directory, problem), Remedy: "make it safe, or set XDG_RUNTIME_DIR to another directory of yours", Err: err}
}

func directoryOf(control string) string { return control[:strings.LastIndexByte(control, '/')] }

// MarkOf returns the path of the mark that systemfd stop leaves beside a control socket until the next claim. The mark keeps a holder
// that was stopped from being started again as if it had been killed.
func MarkOf(control string) string { return strings.TrimSuffix(control, ".sock") + markSuffix }

// IsMark reports whether a path is one that MarkOf returns.
func IsMark(path string) bool { return strings.HasSuffix(path, markSuffix) }

const markSuffix = ".stopped"
