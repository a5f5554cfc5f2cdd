package socket

import (
	"errors"
	"net/netip"
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/spec"
)

// transports is how socket spells a transport.
var transports = map[spec.Transport]int{spec.Stream: windows.SOCK_STREAM, spec.Datagram: windows.SOCK_DGRAM}

func init() {
	windows.WSAStartup(2<<8|2, new(windows.WSAData)) // if that fails, each call does
	platform = &system{open: openSocket, remove: remove, closeFD: closeHandle, describe: Describe, wait: wait, listen: newListener}
}

func remove(s Socket) error { return closeHandle(s.FD) }

func closeHandle(fd int) error { return windows.Closesocket(windows.Handle(fd)) }

// RefusesOverlap is false: Windows lets 127.0.0.1:3000 be bound beside every address.
const RefusesOverlap = false

func openSocket(o spec.Opening, beside []spec.Opening) (Socket, error) {
	o, err := Resolve(o)
	if err != nil {
		return Socket{}, err
	}
	s, err := openInet(o, beside)
	if err != nil {
		return Socket{}, err
	}
	s.Name = o.FDName()
	s.Opening.Name = s.Name
	return s, nil
}

func listenInet(o spec.Opening) (int, error) {
	sa, family, err := sockaddr(o.Addr)
	if err != nil {
		return -1, err
	}
	h, err := listen(o, family, sa)
	return int(h), translated(err)
}

// listen is the line that every socket takes: socket, setsockopt, bind and, but for a datagram socket, listen. No child inherits
// it, and no completion port of ours is bound to it: it could be bound to no other one then.
func listen(o spec.Opening, family int, sa windows.Sockaddr) (windows.Handle, error) {
	flags := uint32(windows.WSA_FLAG_OVERLAPPED | windows.WSA_FLAG_NO_HANDLE_INHERIT)
	h, err := windows.WSASocket(int32(family), int32(transports[o.Type.Transport()]), 0, nil, 0, flags)
	if err != nil {
		return windows.InvalidHandle, err
	}
	for _, opt := range socketOptions(o, family) {
		if err == nil {
			err = windows.SetsockoptInt(h, opt.level, opt.name, opt.value)
		}
	}
	if err == nil {
		err = windows.Bind(h, sa)
	}
	if err == nil && o.Type.Transport() == spec.Stream {
		err = windows.Listen(h, o.Backlog)
	}
	if err != nil {
		windows.Closesocket(h)
		return windows.InvalidHandle, err
	}
	return h, nil
}

// Options that x/sys does not have.
const (
	exclusiveAddrUse = ^windows.SO_REUSEADDR // SO_EXCLUSIVEADDRUSE
	acceptConn       = 0x2                   // SO_ACCEPTCONN
	typeOfSocket     = 0x1008                // SO_TYPE
)

// socketOption is one call of setsockopt.
type socketOption struct{ level, name, value int }

// socketOptions returns what o asks for. With SO_REUSEADDR any other program could take the port while we have it: it is what
// SO_REUSEPORT is elsewhere. Without SO_EXCLUSIVEADDRUSE such a program could do so, too.
func socketOptions(o spec.Opening, family int) (opts []socketOption) {
	tcp := o.Type.Transport() == spec.Stream
	isDual := family == windows.AF_INET6 && (o.Addr.Addr() == spec.Any || o.V6Only.IsSet)
	for _, row := range []struct {
		when bool
		socketOption
	}{
		{isDual, socketOption{windows.IPPROTO_IPV6, windows.IPV6_V6ONLY, number(o.V6Only.Value)}},
		{o.ReusePort, socketOption{windows.SOL_SOCKET, windows.SO_REUSEADDR, 1}},
		{!o.ReusePort, socketOption{windows.SOL_SOCKET, exclusiveAddrUse, 1}},
		{tcp && o.NoDelay, socketOption{windows.IPPROTO_TCP, windows.TCP_NODELAY, 1}},
		{tcp && o.KeepAlive, socketOption{windows.SOL_SOCKET, windows.SO_KEEPALIVE, 1}},
		{!tcp && o.Broadcast, socketOption{windows.SOL_SOCKET, windows.SO_BROADCAST, 1}},
		{o.ReceiveBuffer > 0, socketOption{windows.SOL_SOCKET, windows.SO_RCVBUF, o.ReceiveBuffer}},
		{o.SendBuffer > 0, socketOption{windows.SOL_SOCKET, windows.SO_SNDBUF, o.SendBuffer}},
	} {
		if row.when {
			opts = append(opts, row.socketOption)
		}
	}
	return opts
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// errnos are those of Winsock, as the rest of this program calls them.
var errnos = map[error]error{
	windows.WSAEADDRINUSE:    syscall.EADDRINUSE,
	windows.WSAEADDRNOTAVAIL: syscall.EADDRNOTAVAIL,
	windows.WSAEAFNOSUPPORT:  syscall.EAFNOSUPPORT,
	windows.WSAEACCES:        syscall.EACCES,
	windows.WSAEMFILE:        syscall.EMFILE,
	windows.WSAENOBUFS:       syscall.ENOBUFS,
}

func translated(err error) error {
	for from, to := range errnos {
		if errors.Is(err, from) {
			return to
		}
	}
	return err
}

// portRefused is the way out if a port is not to be had.
func portRefused(spec.Spec) string {
	return "another program has it for itself, or Windows has reserved it: netsh int ipv4 show excludedportrange protocol=tcp; take another one"
}

// inUse is the error for an address that somebody has; who that is, is not known.
func inUse(s spec.Spec) error { return InUse(s, process.Process{}) }

// sockaddr returns addr as bind takes it.
func sockaddr(addr netip.AddrPort) (windows.Sockaddr, int, error) {
	port, ip := int(addr.Port()), addr.Addr()
	if ip.Is4() {
		return &windows.SockaddrInet4{Port: port, Addr: ip.As4()}, windows.AF_INET, nil
	}
	sa := &windows.SockaddrInet6{Port: port, Addr: ip.As16()}
	if zone := ip.Zone(); zone != "" {
		index, err := zoneIndex(zone)
		if err != nil {
			return nil, 0, err
		}
		sa.ZoneId = index
	}
	return sa, windows.AF_INET6, nil
}

// boundTo returns the address that a bound socket has; there getsockname cannot fail.
func boundTo(fd int) netip.AddrPort {
	sa, _ := windows.Getsockname(windows.Handle(fd))
	addr, _ := addrPort(sa)
	return addr
}

// addrPort is the inverse of sockaddr; it says no of another family.
func addrPort(sa windows.Sockaddr) (netip.AddrPort, bool) {
	switch sa := sa.(type) {
	case *windows.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)), true
	case *windows.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.ZoneId != 0 {
			ip = ip.WithZone(zoneName(sa.ZoneId))
		}
		return netip.AddrPortFrom(ip, uint16(sa.Port)), true
	}
	return netip.AddrPort{}, false
}
