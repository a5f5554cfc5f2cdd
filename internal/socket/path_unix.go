//go:build unix

package socket

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
)

// lockWait is how long another systemfd may take between its probe and its listen. A test waits less.
var lockWait = 5 * time.Second

// openUnix binds an abstract name, or a path.
func openUnix(o spec.Opening) (Socket, error) {
	if !o.IsAbstract() {
		return openPath(o)
	}
	fd, err := listen(o, unix.AF_UNIX, &unix.SockaddrUnix{Name: o.Path}, func() {})
	if err != nil {
		return Socket{}, bindError(o.Spec, err)
	}
	return Socket{FD: fd, Opening: o}, nil
}

// openPath binds a path that is free, or that has a dead socket of ours. The socket that it returns says the mode and
// the file that the path has.
func openPath(o spec.Opening) (Socket, error) {
	o.Path = Absolute(o.Path)
	name, leave, err := enter(o.Path)
	if err != nil {
		return Socket{}, bindError(o.Spec, err)
	}
	defer leave()
	fd, err := bindPath(o, name)
	if errors.Is(err, unix.EADDRINUSE) {
		fd, err = replacePath(o, name)
	}
	if errors.Is(err, unix.EADDRINUSE) {
		return Socket{}, inUse(o.Spec) // after the lock: the search for who it is takes its time
	}
	if err != nil {
		return Socket{}, err
	}
	var stat unix.Stat_t
	if err := unix.Lstat(name, &stat); err != nil {
		unix.Unlink(name)
		unix.Close(fd)
		return Socket{}, bindError(o.Spec, err)
	}
	o.Mode = spec.Some(uint32(stat.Mode & 0o777))
	return Socket{FD: fd, Opening: o, file: fileOf(&stat)}, nil
}

// enter returns the name by which bind(2) can say path: path itself or, if it is too long for sun_path, its last part,
// in the working directory until leave is called.
func enter(path string) (name string, leave func(), err error) {
	if len(path) <= MaxPath {
		return path, func() {}, nil
	}
	back, err := unix.Open(".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, err
	}
	if err := unix.Chdir(filepath.Dir(path)); err != nil {
		unix.Close(back)
		return "", nil, err
	}
	return filepath.Base(path), func() {
		unix.Fchdir(back)
		unix.Close(back)
	}, nil
}

// bindPath binds name, if nothing is there. EADDRINUSE says that something is; its other errors are *Error.
func bindPath(o spec.Opening, name string) (int, error) {
	defer unix.Umask(setUmask(o.Mode))
	fd, err := listen(o, unix.AF_UNIX, &unix.SockaddrUnix{Name: name}, func() { unix.Unlink(name) })
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return -1, err
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return -1, directoryError(o.Spec, err)
	case err != nil:
		return -1, bindError(o.Spec, err)
	}
	return fd, nil
}

// replacePath binds name in place of a dead socket of ours. The lock is for two who find the same one: the second
// finds the socket of the first, and that is EADDRINUSE.
func replacePath(o spec.Opening, name string) (int, error) {
	unlock, err := LockFolder(filepath.Dir(name))
	if err != nil {
		return -1, err
	}
	defer unlock()
	if err := clearPath(name, o.Spec); err != nil {
		return -1, err
	}
	return bindPath(o, name)
}

func directoryError(s spec.Spec, err error) error {
	folder := filepath.Dir(s.Path)
	if errors.Is(err, unix.ENOENT) {
		return &Error{Spec: s, Text: fmt.Sprintf("directory %q does not exist", folder), Remedy: "make the directory first, or take another path", Err: err}
	}
	return &Error{Spec: s, Text: fmt.Sprintf("cannot open directory %q: %v", folder, err), Err: err}
}

// setUmask lets bind(2) give a socket exactly these permission bits, at no moment more; 0666 less the umask if they
// are unset. It returns the umask to restore.
func setUmask(mode spec.Optional[uint32]) (old int) {
	if mode.IsSet {
		return unix.Umask(0o777 &^ int(mode.Value))
	}
	old = unix.Umask(0o777)
	unix.Umask(old | 0o111)
	return old
}

// noLocks are how a file system says that it has no flock(2).
var noLocks = []error{unix.ENOTSUP, unix.EOPNOTSUPP, unix.ENOSYS, unix.ENOLCK, unix.EINVAL}

// LockFolder takes flock(2) on a directory, and unlock gives it back. A directory that we may not read, or on a file
// system without flock, is not locked. Its errors are *Error.
func LockFolder(folder string) (unlock func(), err error) {
	fd, err := unix.Open(folder, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.EACCES):
		return func() {}, nil
	case err != nil:
		return nil, &Error{Text: fmt.Sprintf("cannot open directory %q: %v", folder, err), Err: err}
	}
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) || time.Since(start) > lockWait {
			break
		}
	}
	if err != nil && !isAny(err, noLocks) {
		unix.Close(fd)
		return nil, &Error{Text: fmt.Sprintf("cannot lock directory %q: %v", folder, err), Remedy: "another process holds flock(2) on it", Err: err}
	}
	return func() { unix.Close(fd) }, nil
}

// clearPath removes a dead socket of ours at path. Whatever else stands there is an error, and stays; EADDRINUSE if it is
// alive.
func clearPath(path string, s spec.Spec) error {
	var stat unix.Stat_t
	err := unix.Lstat(path, &stat)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return bindError(s, err)
	case stat.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return &Error{Spec: s, Text: fmt.Sprintf("%q exists and is %s, not a socket", s.Path, fileKind(uint32(stat.Mode))), Remedy: "remove it, or take another path"}
	}
	switch isDead, err := IsDead(path); {
	case err != nil:
		return &Error{Spec: s, Text: fmt.Sprintf("cannot tell whether %q is in use: %v", s.Path, err), Remedy: "remove it, or take another path", Err: err}
	case !isDead:
		return unix.EADDRINUSE
	case int(stat.Uid) != os.Geteuid():
		return &Error{Spec: s, Text: fmt.Sprintf("%q is a dead socket of another user (uid %d)", s.Path, stat.Uid), Remedy: "remove it, or take another path"}
	}
	if err := unix.Unlink(path); err != nil && !errors.Is(err, unix.ENOENT) {
		return bindError(s, err)
	}
	return nil
}

// IsDead reports whether nobody has the unix socket at path open. It connects a datagram socket: ECONNREFUSED means
// dead, and EPROTOTYPE that a socket of another type is alive. A connect of the socket's own type would be a real
// connection, looks refused before listen(2), and on macOS and the BSDs also when the queue is full. No socket at
// path is dead, too.
func IsDead(path string) (bool, error) {
	fd, err := newSocket(unix.AF_UNIX, unix.SOCK_DGRAM)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	switch err := kernel.connect(fd, &unix.SockaddrUnix{Name: path}); {
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return true, nil
	case err == nil, errors.Is(err, unix.EPROTOTYPE):
		return false, nil
	default:
		return false, err
	}
}

func fileOf(stat *unix.Stat_t) File { return File{uint64(stat.Dev), uint64(stat.Ino)} }

// FileAt returns the file of the unix socket at path, the zero File if there is none.
func FileAt(path string) File {
	var stat unix.Stat_t
	if unix.Lstat(path, &stat) != nil || stat.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return File{}
	}
	return fileOf(&stat)
}

func isForeignLink(path string) bool {
	var link, directory unix.Stat_t
	if unix.Lstat(path, &link) != nil || unix.Stat(filepath.Dir(path), &directory) != nil {
		return false
	}
	const sticky, writable = unix.S_ISVTX, unix.S_IWOTH
	return directory.Mode&sticky != 0 && directory.Mode&writable != 0 && int(link.Uid) != os.Geteuid() && link.Uid != directory.Uid
}

// RemoveFile removes path if it is still the file of a socket. The caller has that socket open: until it is closed,
// no other file has its inode number.
func RemoveFile(path string, file File) error {
	if file == (File{}) || FileAt(path) != file {
		return nil
	}
	if err := unix.Unlink(path); err != nil && !errors.Is(err, unix.ENOENT) {
		return &os.PathError{Op: "unlink", Path: path, Err: err}
	}
	return nil
}

// remove removes the path of a socket that open returned, and closes it. In the other order somebody could find the socket
// dead, and put their own there before it is removed.
func remove(s Socket) error {
	err := RemoveFile(s.Path, s.file)
	err = errors.Join(err, unix.Close(s.FD))
	removeFolders(s.folders)
	return err
}
