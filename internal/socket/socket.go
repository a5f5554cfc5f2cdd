// Package socket opens the socket that a spec.Spec says, and says what stands at a descriptor.
//
// It makes sockets with plain system calls, not with package net: net's poller would take low
// descriptors and set O_NONBLOCK.
package socket

import (
	"path/filepath"

	"github.com/systemfd/systemfd/internal/spec"
)

// Socket is an open socket on its way to the command.
type Socket struct {
	FD   int
	Name string    // as LISTEN_FDNAMES says it
	Spec spec.Spec // what it is bound to; the zero Spec where no specification says that

	folders []string // made for it, the outermost first
}

// DefaultBacklog is long enough for what arrives during a restart, in connections; Linux has had it as
// net.core.somaxconn since 5.4.
const DefaultBacklog = 4096

// Options are what holds for all sockets of a run.
type Options struct {
	Backlog   int  // length of a listener's queue, in connections; the system may cap it
	NoReuse   bool // leave out SO_REUSEADDR, which TCP sockets get otherwise
	ReusePort bool // set SO_REUSEPORT on inet sockets

	Mode          *uint32 // permission bits of a unix socket; nil for 0666 less the umask
	MakeFolders   bool    // make missing parent folders of a unix socket
	DirectoryMode *uint32 // permission bits of such folders; nil for 0755 less the umask

	V6Only          *bool // IPV6_V6ONLY of an IPv6 socket; nil for IPv4 and IPv6 on one socket
	FreeBind        bool  // bind addresses that the host does not have, where the system can
	NoDelay         bool  // TCP_NODELAY
	KeepAlive       bool  // SO_KEEPALIVE, on TCP
	Broadcast       bool  // SO_BROADCAST, on UDP
	PassCredentials bool  // SO_PASSCRED, on unix sockets where the system has it
	ReceiveBuffer   int   // SO_RCVBUF, in bytes; 0 for the system's
	SendBuffer      int   // SO_SNDBUF, in bytes; 0 for the system's
}

// Error says what failed about a socket, and where there is a way out, which.
type Error struct {
	Text   string
	Remedy string
	Err    error // the system's, or nil
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.Err }

// Hint returns the way out, or "".
func (e *Error) Hint() string { return e.Remedy }

// Description is what stands at a descriptor.
type Description struct {
	Spec  spec.Spec // what it is bound to; the zero Spec where no specification says that
	Open  bool
	Ready bool   // it listens, or is a bound datagram socket: what systemd would pass
	Text  string // for a person

	Listening, Nonblock, CloseOnExec bool
}

// absolute returns path below the working directory. Unlike filepath.Abs it keeps "..", which means
// another folder behind a symbolic link.
func absolute(path, workingDir string) string {
	if filepath.IsAbs(path) || workingDir == "" || path[0] == '@' {
		return path
	}
	for len(path) > 2 && path[:2] == "./" {
		path = path[2:]
	}
	return workingDir + "/" + path
}
