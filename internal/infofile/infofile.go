// Package infofile writes a file that others wait for: they find the old one, or the whole new one.
package infofile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/systemfd/systemfd/internal/file"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
)

// Error says which file cannot be written, and why.
type Error struct {
	Path string
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("cannot write --info-file %q: %v", e.Path, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Write writes text to path, "-" being stdout. Undo removes the file that it made, if that is still there. What is no
// regular file, and a descriptor of ours as /dev/fd/1 names it, is written to as it is. Its errors are *Error.
func Write(stdout io.Writer, path string, text []byte) (undo func(), err error) {
	undo = func() {}
	fd, isOwn := ownDescriptor(path)
	switch {
	case path == "-":
		_, err = stdout.Write(text)
	case isOwn:
		err = writeDescriptor(fd, text)
	default:
		undo, err = writeFile(path, text)
	}
	if err != nil {
		return nil, &Error{path, cause(err)}
	}
	return undo, nil
}

// ownDescriptor returns the descriptor of ours that path stands for. Who else has the file behind it goes on where our
// text ends.
func ownDescriptor(path string) (fd int, ok bool) {
	switch path {
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	number, ok := strings.CutPrefix(path, "/dev/fd/")
	n, err := strconv.ParseUint(number, 10, 31)
	return int(n), ok && err == nil
}

// writeDescriptor writes to a descriptor that this process was started with; one of our own making is none.
func writeDescriptor(fd int, text []byte) error {
	if !socket.DescribeInherited(fd).Open {
		return syscall.EBADF
	}
	_, err := socket.Stream(fd).Write(text)
	return err
}

func writeFile(path string, text []byte) (undo func(), err error) {
	target, err := follow(path)
	if err != nil {
		return nil, err
	}
	if stat, err := os.Lstat(target); err == nil && !stat.Mode().IsRegular() {
		return func() {}, file.Write(target, text) // a fifo or a terminal cannot be replaced
	}
	made, err := replace(target, text)
	return func() {
		// An inode number comes again as soon as its file is gone; the time does not.
		if now, err := os.Lstat(target); err == nil && os.SameFile(now, made) && now.ModTime().Equal(made.ModTime()) {
			os.Remove(target)
		}
	}, err
}

// maxLinks is how many symbolic links may follow one another, as in path_resolution(7).
const maxLinks = 40

// follow returns what symbolic links at path lead to: the links themselves stay. In a sticky directory, as /tmp, a link
// of somebody else's is not followed, as protected_symlinks of proc_sys_fs(5) has it.
func follow(path string) (string, error) {
	for range maxLinks {
		link, err := os.Readlink(path)
		if err != nil {
			return path, nil
		}
		if socket.IsForeignLink(path) {
			return "", errors.New("the symbolic link belongs to another user")
		}
		if !filepath.IsAbs(link) {
			link = filepath.Dir(path) + "/" + link
		}
		path = link
	}
	return "", syscall.ELOOP
}

// replace writes a file beside path, and puts it in its place. It returns what that is.
func replace(path string, text []byte) (made fs.FileInfo, err error) {
	dir, base := filepath.Split(path)
	prefix := "." + base + ".systemfd-"
	sweep(dir, prefix)
	temp := dir + prefix + strconv.Itoa(os.Getpid())
	err = file.Create(temp, text, 0o666)
	if err == nil {
		made, err = os.Lstat(temp)
		os.SameFile(made, made) // Windows looks only now which file that is, and by this name
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		os.Remove(temp)
	}
	return made, err
}

// sweep removes what others that were killed have left, and what a process with our own number has.
func sweep(dir, prefix string) {
	entries, _ := os.ReadDir(filepath.Clean(dir))
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), prefix)
		if pid, err := strconv.Atoi(number); ok && err == nil && (pid == os.Getpid() || !process.IsAlive(pid)) {
			os.Remove(dir + entry.Name())
		}
	}
}

// cause strips the operation and path that package os puts before the system's words.
func cause(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}
