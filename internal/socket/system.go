package socket

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"

	"github.com/systemfd/systemfd/internal/file"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/spec"
)

// system is what an operating system has, and does with sockets. What is nil there, nobody needs or can know.
type system struct {
	maxPath       int  // the longest path that bind(2) takes, in bytes; 0 if there are no unix sockets that can be passed
	hasAbstract   bool // a unix socket can do without a file
	hasSeqPacket  func() bool
	open          func(o spec.Opening, beside []spec.Opening) (Socket, error)
	remove        func(Socket) error
	closeFD       func(fd int) error
	closeOnExec   func(fd int)
	describe      func(fd int) Description
	write         func(fd int, text []byte) (int, error)
	waiting       func(fd int) int
	sharers       func(fd int) []process.Process
	damage        func(Socket) string
	unlink        func(Socket) error
	repair        func(Socket) (Socket, error)
	replace       func(s, other Socket) (Socket, error)
	isForeignLink func(path string) bool
	wait          func([]Socket) error
	listen        func(s Socket, nonblock bool) (Listener, error)
}

// platform is nil on a system where no program can be given sockets. Nobody has a Socket there.
var platform *system

var errUnsupported = &Error{Text: "systemfd does not support " + runtime.GOOS + " yet", Err: errors.ErrUnsupported}

// Check reports what of s this system lacks, before anything is opened. Its errors are *spec.Error.
func Check(s spec.Spec) error {
	if platform == nil {
		return errUnsupported
	}
	maxPath, hasAbstract := platform.maxPath, platform.hasAbstract
	switch {
	case s.Path != "" && maxPath == 0:
		return &spec.Error{Text: s.String(), Problem: "this system cannot pass unix sockets on", Remedy: "take a port: http::3000"}
	case s.IsAbstract() && !hasAbstract:
		return &spec.Error{Text: s.String(), Problem: "this system has no abstract unix sockets", Remedy: "take a path with a /"}
	case s.Type.Transport() == spec.SeqPacket && !platform.hasSeqPacket():
		return &spec.Error{Text: s.String(), Problem: "this system has no unix seqpacket sockets", Remedy: "take unix::PATH or unix-dgram::PATH"}
	case s.IsAbstract() && len(s.Path) > maxPath:
		return &spec.Error{
			Text:    s.String(),
			Problem: fmt.Sprintf("the name has %d bytes, this system allows %d", len(s.Path), maxPath),
			Remedy:  "take a shorter name",
		}
	case s.Path != "" && len(filepath.Base(s.Path)) > maxPath:
		return &spec.Error{
			Text:    s.String(),
			Problem: fmt.Sprintf("the file name has %d bytes, this system allows %d", len(filepath.Base(s.Path)), maxPath),
			Remedy:  "take a shorter name",
		}
	}
	return nil
}

// Open opens, binds and, but for a datagram socket, listens. The descriptor has FD_CLOEXEC and no
// O_NONBLOCK. What overlaps with one of beside is in use, also if the kernel would bind it. Its errors are *Error; after one,
// nothing is left open or bound.
func Open(o spec.Opening, beside ...spec.Opening) (Socket, error) {
	if platform == nil {
		return Socket{}, errUnsupported
	}
	return platform.open(o, beside)
}

// Close removes the path of a socket that Open returned, and what was made for it, and closes it. A path that is
// another file by now stays.
func (s Socket) Close() error { return platform.remove(s) }

// Forget closes the descriptor, and leaves the path.
func (s Socket) Forget() error { return platform.closeFD(s.FD) }

// Waiting returns how many connections wait in the queue of a listener, -1 of another socket, or if the system does not tell.
func Waiting(fd int) int {
	if platform.waiting == nil {
		return -1
	}
	return platform.waiting(fd)
}

// Sharers returns the other living processes that have the same socket open, but not our ancestors, which may have it only to
// pass it on. There are none if the system does not tell.
func Sharers(fd int) []process.Process { return platform.sharers(fd) }

// Damage says what keeps clients from a socket: a server to which it was given has shut it down, or its path is not its
// own any more. It is "" of one that is whole, and of a descriptor that is something else.
func (s Socket) Damage() string {
	if platform.damage == nil {
		return ""
	}
	return platform.damage(s)
}

// Unlink removes the path of a unix socket if it is still its own.
func (s Socket) Unlink() error { return platform.unlink(s) }

// Repair makes a damaged socket as it was, at the same descriptor. A unix socket is another one then, and clients that wait
// for the old one are lost; others that have that keep it. Its errors are *Error.
func (s Socket) Repair() (Socket, error) { return platform.repair(s) }

// ReplaceBy puts another socket at the descriptor of this one.
func (s Socket) ReplaceBy(other Socket) (Socket, error) { return platform.replace(s, other) }

// CloseOnExec keeps sockets among count descriptors from first on from every child.
func CloseOnExec(first, count int) {
	for fd := first; platform != nil && fd < first+count; fd++ {
		if DescribeInherited(fd).Spec.Type != "" {
			platform.closeOnExec(fd)
		}
	}
}

// DescribeInherited says what stands at a descriptor that this process was started with. One with FD_CLOEXEC
// counts as closed: it cannot have come through exec, it is the Go runtime's own.
func DescribeInherited(fd int) Description {
	if platform != nil {
		if d := platform.describe(fd); !d.CloseOnExec {
			return d
		}
	}
	return Description{Text: "closed", CloseOnExec: true}
}

// Stream writes to a descriptor.
func Stream(fd int) file.Stream {
	return func(text []byte) (int, error) { return platform.write(fd, text) }
}

// IsForeignLink reports whether a symbolic link is another user's than ours and than that of the directory, which is
// sticky and open to others: protected_symlinks of proc_sys_fs(5) does not follow it either.
func IsForeignLink(path string) bool {
	return platform != nil && platform.isForeignLink != nil && platform.isForeignLink(path)
}

// Wait returns when a connection or a datagram waits on any of sockets. It takes nothing from them.
func Wait(sockets []Socket) error { return platform.wait(sockets) }

// Listener accepts connections. Unlike package net's it sets no option on them: they are as the kernel gives them.
type Listener interface {
	// Accept waits for a connection and returns it, and where it comes from: the zero AddrPort for a unix socket. After
	// Close it fails.
	Accept() (conn *os.File, from netip.AddrPort, err error)

	// Wait waits for a connection, and takes none. After Close it fails.
	Wait() error

	// TryAccept is Accept that does not wait: conn is nil if no connection is there any more, else it makes one for package net, once.
	TryAccept() (conn func() (net.Conn, error), err error)

	Close() error // ends Accept and Wait
}

// NewListener accepts on a copy of the descriptor of s, in O_NONBLOCK, which is both's. Connections have O_NONBLOCK if
// nonblock says so.
func NewListener(s Socket, nonblock bool) (Listener, error) { return platform.listen(s, nonblock) }
