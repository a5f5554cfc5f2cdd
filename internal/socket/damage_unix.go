//go:build unix

package socket

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
)

func damage(s Socket) string {
	d := Describe(s.FD)
	switch {
	case !d.Ready && d.WasOnce(s.Spec):
		return "it was shut down"
	case !d.Ready, s.Path == "", s.IsAbstract():
		return ""
	}
	return pathDamage(s)
}

// pathDamage says what is wrong with the path of a socket that still works.
func pathDamage(s Socket) string {
	_, err := os.Lstat(s.Path)
	isGone, at := errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR), FileAt(s.Path)
	switch own, isKnown := ownFile(s); {
	case err != nil && !isGone:
		return "" // we may not look there
	case isKnown && !isGone && own == at:
		return ""
	case isKnown && isElsewhere(s.Path, own):
		return "" // the process that opened it sees another directory there
	case isGone:
		return "its path is gone"
	case at == (File{}):
		return "its path is no socket any more"
	}
	switch isDead, err := IsDead(s.Path); {
	case err != nil:
		return ""
	case isDead:
		return "its path is a dead socket"
	case hasOther(s):
		return "another socket is at its path"
	}
	return "" // the file system has two numbers for the same file
}

func unlink(s Socket) error {
	own, isKnown := ownFile(s)
	if !isKnown {
		return nil
	}
	return RemoveFile(s.Path, own)
}

// repair restores a socket to its state before the damage, at the same descriptor.
func repair(s Socket) (Socket, error) {
	if s.Type.Family() == spec.Inet {
		return s, listenAgain(s)
	}
	err := unlink(s) // a socket that was shut down counts as alive
	if s.IsAbstract() {
		err = ReleaseName(s)
	}
	if err != nil {
		return s, bindError(s.Spec, err)
	}
	opened, err := openSocket(s.Opening, nil)
	if failed, ok := errors.AsType[*Error](err); ok && s.IsAbstract() { // somebody has the old socket of that name open
		failed.Remedy = "start the outer systemfd again"
	}
	if err != nil {
		return s, err
	}
	return replace(s, opened)
}

// ReleaseName closes an abstract socket, so that its name is free if nobody else has it open. Then /dev/null is at its descriptor.
func ReleaseName(s Socket) error {
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(null)
	if err := unix.Dup2(null, s.FD); err != nil {
		return err
	}
	unix.CloseOnExec(s.FD)
	return nil
}

// replace never frees the descriptor, because the Go runtime could take it.
func replace(s, other Socket) (Socket, error) {
	if err := unix.Dup2(other.FD, s.FD); err != nil {
		return s, errors.Join(bindError(s.Spec, err), other.Close())
	}
	err := unix.Close(other.FD)
	other.FD = s.FD
	return other, err
}

// listenAgain binds before it listens: the kernel has released a port that it had picked, and listen(2) without bind(2) would pick
// another one. EINVAL means that the socket is still bound.
func listenAgain(s Socket) error {
	sa, _, err := sockaddr(s.Addr)
	if err == nil {
		err = kernel.bind(s.FD, sa)
	}
	if err == nil || errors.Is(err, unix.EINVAL) {
		err = kernel.listen(s.FD, s.Backlog)
	}
	if err != nil {
		return bindError(s.Spec, err)
	}
	if boundTo(s.FD) != s.Addr {
		return &Error{Spec: s.Spec, Text: s.Address() + " was shut down, and its port is lost", Remedy: "start the outer systemfd again"}
	}
	return nil
}
