//go:build unix

package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
)

// maxPath is the longest path that bind(2) takes, in bytes: sun_path without the NUL behind it, 107
// on Linux and 103 on macOS and the BSDs (unix(7)).
const maxPath = len(unix.RawSockaddrUnix{}.Path) - 1

// lockWait is how long another systemfd may take between its probe and its listen.
const lockWait = 10 * time.Second

// Check reports what of s this system lacks, before anything is opened. Its errors are *spec.Error.
func Check(s spec.Spec) error {
	switch {
	case s.IsAbstract() && !hasAbstract:
		return &spec.Error{Text: s.String(), Problem: "this system has no abstract unix sockets", Remedy: "take a path with a /"}
	case len(s.Path) > maxPath:
		return &spec.Error{
			Text:    s.String(),
			Problem: fmt.Sprintf("the path has %d bytes, this system allows %d", len(s.Path), maxPath),
			Remedy:  "take a shorter path, or start in its folder and give it as ./" + filepath.Base(s.Path),
		}
	}
	return nil
}

// openUnix binds an abstract name, or a path.
func openUnix(s spec.Spec, o Options) (int, spec.Spec, error) {
	if s.IsAbstract() {
		fd, err := listen(s, o, unix.AF_UNIX, &unix.SockaddrUnix{Name: s.Path}, func() {})
		if err != nil {
			err = bindError(s, err)
		}
		return fd, s, err
	}
	return openPath(s, o)
}

// openPath binds a path that is free, or that only a dead socket of ours stands at.
func openPath(s spec.Spec, o Options) (int, spec.Spec, error) {
	path := s.Path
	s.Path = Absolute(path)
	if len(s.Path) <= maxPath {
		path = s.Path
	}
	folder := filepath.Dir(path)
	unlock, err := LockFolder(folder)
	if err != nil {
		return -1, s, err
	}
	defer unlock()
	if err := clearPath(path, s); err != nil {
		return -1, s, err
	}
	defer unix.Umask(setUmask(o.Mode))
	fd, err := listen(s, o, unix.AF_UNIX, &unix.SockaddrUnix{Name: path}, func() { unix.Unlink(path) })
	if err != nil {
		return -1, s, bindError(s, err)
	}
	return fd, s, nil
}

// Absolute returns the path of a unix socket as a process elsewhere has to spell it.
func Absolute(path string) string {
	workingDir, _ := os.Getwd()
	return absolute(path, workingDir)
}

// setUmask lets bind(2) give a socket exactly these permission bits, at no moment more; nil for 0666 less the
// umask. It returns the umask to restore.
func setUmask(mode *uint32) (old int) {
	if mode != nil {
		return unix.Umask(0o777 &^ int(*mode))
	}
	old = unix.Umask(0o777)
	unix.Umask(old | 0o111)
	return old
}

// LockFolder holds flock(2) on folder, so that two who find the same dead socket do not both replace it. Unlock
// lets go. Its errors are *Error.
func LockFolder(folder string) (unlock func(), err error) {
	fd, err := unix.Open(folder, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, &Error{Text: fmt.Sprintf("folder %q does not exist", folder), Remedy: "make the folder first, or take another path", Err: err}
	case err != nil:
		return nil, &Error{Text: fmt.Sprintf("cannot open folder %q: %v", folder, err), Err: err}
	}
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Since(start) > lockWait {
			break
		}
	}
	if err != nil {
		unix.Close(fd)
		return nil, &Error{Text: fmt.Sprintf("cannot lock folder %q: %v", folder, err), Remedy: "another process holds flock(2) on it", Err: err}
	}
	return func() { unix.Close(fd) }, nil
}

// clearPath removes a dead socket of ours at path. Whatever else stands there is an error, and stays.
func clearPath(path string, s spec.Spec) error {
	var stat unix.Stat_t
	err := unix.Lstat(path, &stat)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return bindError(s, err)
	case stat.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return &Error{Text: fmt.Sprintf("%q exists and is %s, not a socket", s.Path, fileKind(uint32(stat.Mode))), Remedy: "remove it, or take another path"}
	}
	switch err := probe(path); {
	case err == nil, errors.Is(err, unix.EPROTOTYPE):
		return inUse(s, unix.EADDRINUSE)
	case !errors.Is(err, unix.ECONNREFUSED):
		return &Error{Text: fmt.Sprintf("cannot tell whether %q is in use: %v", s.Path, err), Remedy: "remove it, or take another path", Err: err}
	case int(stat.Uid) != os.Geteuid():
		return &Error{Text: fmt.Sprintf("%q is a dead socket of another user (uid %d)", s.Path, stat.Uid), Remedy: "remove it, or take another path"}
	}
	if err := unix.Unlink(path); err != nil {
		return bindError(s, err)
	}
	return nil
}

// probe connects a datagram socket to path: ECONNREFUSED means that nobody has it bound. A connect of
// the socket's own type would be a real connection, and looks refused before listen(2).
func probe(path string) error {
	fd, err := newSocket(unix.AF_UNIX, unix.SOCK_DGRAM)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrUnix{Name: path})
}

// Close closes a socket that Open returned, and removes its path and what was made for that.
func (s Socket) Close() error {
	err := unix.Close(s.FD)
	if s.Spec.Path != "" && !s.Spec.IsAbstract() {
		if removeErr := os.Remove(s.Spec.Path); !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}
	removeFolders(s.folders)
	return err
}

// Forget closes the descriptor of a socket that somebody else opened, and leaves its path.
func (s Socket) Forget() error { return unix.Close(s.FD) }
