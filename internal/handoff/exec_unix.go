//go:build unix

package handoff

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// defaultPath is where execvp(3) looks without PATH.
const defaultPath = "/bin:/usr/bin"

// LookPath finds a command as execvp(3) does. A name with a slash is the file. Any other name is looked up in PATH: a file that cannot
// be executed is the result only if no later directory has a better one. Its errors are *ExecError.
func LookPath(name string) (string, error) {
	switch {
	case name == "":
		return "", &ExecError{name, fs.ErrNotExist}
	case strings.Contains(name, "/"):
		return name, wrap(name, executable(name))
	}
	path, ok := os.LookupEnv("PATH")
	if !ok {
		path = defaultPath
	}
	denied := error(fs.ErrNotExist)
	for folder := range strings.SplitSeq(path, ":") {
		file := filepath.Join(folder, name)
		if !strings.Contains(file, "/") {
			file = "./" + file
		}
		err := executable(file)
		if err == nil {
			return file, nil
		}
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EISDIR) {
			denied = err
		}
	}
	return "", wrap(name, denied)
}

func wrap(name string, err error) error {
	if err == nil {
		return nil
	}
	return &ExecError{name, err}
}

func executable(file string) error {
	var stat unix.Stat_t
	err := unix.Stat(file, &stat)
	switch {
	case errors.Is(err, unix.ENOTDIR):
		return fs.ErrNotExist
	case err != nil:
		return err
	case stat.Mode&unix.S_IFMT == unix.S_IFDIR:
		return unix.EISDIR
	}
	return unix.Access(file, unix.X_OK)
}

// exec becomes the command. It returns only if that fails, with an *ExecError. A script without
// #! goes to /bin/sh, as with execvp(3).
func exec(file string, argv, environ []string) error {
	WriteCounters()
	dropHandlers()
	err := unix.Exec(file, argv, environ)
	if errors.Is(err, unix.ENOEXEC) {
		err = unix.Exec("/bin/sh", append([]string{"/bin/sh", file}, argv[1:]...), environ)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("its interpreter does not exist")
	}
	return &ExecError{argv[0], err}
}
