package socket

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/systemfd/systemfd/internal/spec"
)

// File is the file of a unix socket: its device and its inode, stat(2). The zero File is none.
type File struct{ Device, Inode uint64 }

// Absolute returns the path of a unix socket for a process in another working directory.
func Absolute(path string) string {
	if filepath.IsAbs(path) || path == "" || path[0] == '@' {
		return path
	}
	workingDir, _ := os.Getwd()
	return absolute(path, workingDir)
}

// absolute returns path below the working directory. Unlike filepath.Abs it keeps "..", which is another
// directory after a symbolic link.
func absolute(path, workingDir string) string {
	if filepath.IsAbs(path) || workingDir == "" {
		return path
	}
	for len(path) > 2 && path[:2] == "./" {
		path = path[2:]
	}
	return workingDir + "/" + path
}

// ModeAt returns the permission bits of the unix socket at path, unset if there is none.
func ModeAt(path string) (mode spec.Optional[uint32]) {
	if stat, err := os.Lstat(path); err == nil && stat.Mode().Type() == fs.ModeSocket {
		mode = spec.Some(uint32(stat.Mode().Perm()))
	}
	return mode
}
