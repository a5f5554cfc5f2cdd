//go:build unix

package socket

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
)

// transports is how socket(2) spells a transport.
var transports = map[spec.Transport]int{
	spec.Stream:    unix.SOCK_STREAM,
	spec.Datagram:  unix.SOCK_DGRAM,
	spec.SeqPacket: unix.SOCK_SEQPACKET,
}

func init() {
	platform = &system{
		maxPath: MaxPath, hasAbstract: hasAbstract, hasSeqPacket: hasSeqPacket, open: openSocket, remove: remove, closeFD: unix.Close, closeOnExec: unix.CloseOnExec, describe: Describe, write: unix.Write,
		waiting: waiting, sharers: sharers, damage: damage, unlink: unlink, repair: repair, replace: replace, isForeignLink: isForeignLink,
		wait: wait, listen: newListener,
	}
}

// hasSeqPacket reports whether there are unix seqpacket sockets: macOS has none.
func hasSeqPacket() bool {
	fd, err := newSocket(unix.AF_UNIX, unix.SOCK_SEQPACKET)
	if err == nil {
		unix.Close(fd)
	}
	return !errors.Is(err, unix.EPROTONOSUPPORT)
}

func openSocket(o spec.Opening, beside []spec.Opening) (Socket, error) {
	o, err := Resolve(o)
	if err != nil {
		return Socket{}, err
	}
	folders, err := makeFolders(o)
	if err != nil {
		return Socket{}, err
	}
	var s Socket
	if o.Type.Family() == spec.Unix {
		s, err = openUnix(o)
	} else {
		s, err = openInet(o, beside)
	}
	if err != nil {
		removeFolders(folders)
		return Socket{}, err
	}
	s.Name, s.folders = o.FDName(), folders
	s.Opening.Name = s.Name
	return s, nil
}

func listenInet(o spec.Opening) (int, error) {
	sa, family, err := sockaddr(o.Addr)
	if err == nil {
		err = checkOverlap(o, family, sa)
	}
	if err != nil {
		return -1, err
	}
	return listen(o, family, sa, func() {})
}

// listen is the line that every socket takes: socket, setsockopt, bind and, but for a datagram socket, listen. Undo
// takes bind back.
func listen(o spec.Opening, family int, sa unix.Sockaddr, undo func()) (int, error) {
	fd, err := bindTo(o, family, sa)
	if err != nil || o.Type.Transport() == spec.Datagram {
		return fd, err
	}
	if err := kernel.listen(fd, o.Backlog); err != nil {
		undo()
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// bindTo is that line up to bind.
func bindTo(o spec.Opening, family int, sa unix.Sockaddr) (int, error) {
	fd, err := newSocket(family, transports[o.Type.Transport()])
	if err != nil {
		return -1, err
	}
	for _, opt := range socketOptions(o, family) {
		if err == nil {
			err = opt.set(fd)
		}
	}
	if err == nil {
		err = kernel.bind(fd, sa)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// socketOption is one setsockopt(2).
type socketOption struct {
	level, name, value int
	try                bool // the system has its own limits: no is an answer
}

func (o socketOption) set(fd int) error {
	err := kernel.setsockopt(fd, o.level, o.name, o.value)
	if o.try {
		return nil
	}
	return err
}

// socketOptions returns what o asks for.
func socketOptions(o spec.Opening, family int) []socketOption {
	inet, tcp := family != unix.AF_UNIX, family != unix.AF_UNIX && o.Type.Transport() == spec.Stream
	rows := []struct {
		when bool
		socketOption
	}{
		{family == unix.AF_INET6 && (o.Addr.Addr() == spec.Any || o.V6Only.Value), option(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, number(o.V6Only.Value))},
		{tcp && !o.NoReuse, option(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)},
		{inet && o.ReusePort, option(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)},
		{inet && o.FreeBind, freeBind(family)},
		{tcp && o.NoDelay, option(unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)},
		{tcp && o.KeepAlive, option(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)},
		{inet && !tcp && o.Broadcast, option(unix.SOL_SOCKET, unix.SO_BROADCAST, 1)},
		{!inet && o.PassCredentials, passCredentials},
		{o.ReceiveBuffer > 0, tryOption(unix.SO_RCVBUF, o.ReceiveBuffer)},
		{o.ReceiveBuffer > 0 && hasForce, tryOption(forceReceiveBuffer, o.ReceiveBuffer)},
		{o.SendBuffer > 0, tryOption(unix.SO_SNDBUF, o.SendBuffer)},
		{o.SendBuffer > 0 && hasForce, tryOption(forceSendBuffer, o.SendBuffer)},
	}
	var opts []socketOption
	for _, row := range rows {
		if row.when && row.socketOption != (socketOption{}) {
			opts = append(opts, row.socketOption)
		}
	}
	return opts
}

func option(level, name, value int) socketOption {
	return socketOption{level: level, name: name, value: value}
}

func tryOption(name, value int) socketOption {
	return socketOption{level: unix.SOL_SOCKET, name: name, value: value, try: true}
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// portRefused is the way out if a port is not for everybody.
func portRefused(s spec.Spec) string { return lowPortHint(runtime.GOOS, s) }

// lowPortHint is the way out if a port below 1024 is refused. macOS refuses one only at an address that is named.
func lowPortHint(system string, s spec.Spec) string {
	if system == "darwin" && !s.Addr.Addr().IsUnspecified() {
		return fmt.Sprintf("ports below 1024 of one address are for root; take a higher one, or :%d, which is every address", s.Port())
	}
	return "ports below 1024 are for root; take a higher one"
}

// inUse is the error for an address that somebody has, with who it is.
func inUse(s spec.Spec) error { return InUse(s, user(s)) }
