// Package socket opens the socket that a spec.Opening says, and says what stands at a descriptor.
//
// It makes sockets with plain system calls, not with package net: net's poller would take low
// descriptors and set O_NONBLOCK.
package socket

import (
	"strings"
	"syscall"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/spec"
)

// Socket is an open socket on its way to the command.
type Socket struct {
	FD           int
	Name         string // as LISTEN_FDNAMES says it
	spec.Opening        // what it is bound to, and how it was opened; without Type if no specification says that

	file File // of the path that was bound
	//lint:ignore U1000 on Windows there are no paths
	folders []string // made for it, the outermost first
}

// Known returns a socket that is open, with the file that was made for it; the zero File if nobody knows that.
func Known(fd int, o spec.Opening, file File) Socket {
	return Socket{FD: fd, Name: o.Name, Opening: o, file: file}
}

// File returns the file that Open made for a unix socket, the zero File if it made none.
func (s Socket) File() File { return s.file }

// Openings returns what sockets are bound to.
func Openings(sockets []Socket) []spec.Opening {
	openings := make([]spec.Opening, len(sockets))
	for i, s := range sockets {
		openings[i] = s.Opening
	}
	return openings
}

// Error says what failed about a socket, and the way out if there is one.
type Error struct {
	Spec   spec.Spec       // of the socket; the zero Spec if it is about a directory
	User   process.Process // who has the address, if it is in use and the system tells
	Text   string
	Remedy string
	Err    error // the system's, or nil
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.Err }

// Hint returns the way out, or "".
func (e *Error) Hint() string { return e.Remedy }

// InUse is the error for an address that another process has; the zero Process if nobody knows which.
func InUse(s spec.Spec, user process.Process) error {
	e := &Error{Spec: s, User: user, Text: s.Address() + " is in use", Remedy: "stop it, or take another path", Err: syscall.EADDRINUSE}
	if user.PID != 0 {
		e.Text += " by " + user.String()
	}
	if s.Type.Family() == spec.Inet {
		e.Remedy = "stop it, or take another port (0 is any free one)"
	}
	return e
}

// Description is what stands at a descriptor.
type Description struct {
	Spec  spec.Spec // what it is bound to; the zero Spec if no specification says that, or if it is not ready
	Open  bool
	Ready bool   // it listens, or is a bound datagram socket: what systemd would pass
	Text  string // for a person

	Listening, Connected, Nonblock, CloseOnExec bool

	bound spec.Spec // what a socket that is not ready was bound to, if it is not connected
}

// Is reports whether the descriptor is the socket described. The kernel knows a path as it was bound: without its
// directory if the whole was too long.
func (d Description) Is(want spec.Spec) bool { return d.Ready && isSame(d.Spec, want) }

// WasOnce reports whether the descriptor is the socket described, but was shut down.
func (d Description) WasOnce(want spec.Spec) bool { return !d.Ready && isSame(d.bound, want) }

func isSame(is, want spec.Spec) bool {
	if is.Path != "" && is.Path[0] != '/' && strings.HasSuffix(want.Path, "/"+strings.TrimPrefix(is.Path, "./")) {
		is.Path = want.Path
	}
	return is.Type != "" && is.SameSocket(want)
}
