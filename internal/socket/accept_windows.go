package socket

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// What x/sys does not have of Winsock.
var (
	winsock = windows.NewLazySystemDLL("ws2_32.dll")
	wsaPoll = winsock.NewProc("WSAPoll")
	accept  = winsock.NewProc("accept")
)

// pollFD is WSAPOLLFD.
type pollFD struct {
	handle          windows.Handle
	events, revents int16
}

const (
	pollReadable = 0x0300                 // POLLRDNORM | POLLRDBAND
	fionbio      = 0x8004667e             // FIONBIO of ioctlsocket
	pollTime     = 200 * time.Millisecond // until a listener is looked at that may have been closed
)

// poll waits until one of handles is readable, or until time is over.
func poll(handles []windows.Handle, wait time.Duration) (isReadable bool, err error) {
	fds := make([]pollFD, len(handles))
	for i, h := range handles {
		fds[i] = pollFD{handle: h, events: pollReadable}
	}
	n, _, err := wsaPoll.Call(uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), uintptr(wait.Milliseconds()))
	if int32(n) < 0 {
		return false, err
	}
	return n > 0, nil
}

func wait(sockets []Socket) error {
	var handles []windows.Handle
	for _, s := range sockets {
		handles = append(handles, windows.Handle(s.FD))
	}
	for {
		if isReadable, err := poll(handles, time.Hour); isReadable || err != nil {
			return err
		}
	}
}

// listener is a Listener that polls. Package net's would bind the socket to a completion port of ours for ever.
type listener struct {
	handle    windows.Handle
	closeOnce sync.Once
	closed    chan struct{}
}

// newListener accepts on the socket itself: a copy would be the same to accept, and would not say less.
func newListener(s Socket, _ bool) (Listener, error) {
	h := windows.Handle(s.FD)
	return &listener{handle: h, closed: make(chan struct{})}, setNonblock(h, 1)
}

func setNonblock(h windows.Handle, on uint32) error {
	var n uint32
	return windows.WSAIoctl(h, fionbio, (*byte)(unsafe.Pointer(&on)), uint32(unsafe.Sizeof(on)), nil, 0, &n, nil, 0)
}

func (l *listener) Wait() error {
	for {
		select {
		case <-l.closed:
			return os.ErrClosed
		default:
		}
		if isReadable, err := poll([]windows.Handle{l.handle}, pollTime); isReadable || err != nil {
			return err
		}
	}
}

func (l *listener) TryAccept() (conn func() (net.Conn, error), err error) {
	h, _, err := accept.Call(uintptr(l.handle), 0, 0)
	switch {
	case windows.Handle(h) != windows.InvalidHandle:
	case errors.Is(err, windows.WSAEWOULDBLOCK), errors.Is(err, windows.WSAECONNRESET):
		return nil, nil
	default:
		return nil, err
	}
	windows.SetHandleInformation(windows.Handle(h), windows.HANDLE_FLAG_INHERIT, 0)
	return func() (net.Conn, error) { return newConn(windows.Handle(h)) }, nil
}

// Accept is for those who pass connections on, which nobody can do here.
func (l *listener) Accept() (conn *os.File, from netip.AddrPort, err error) {
	return nil, from, errors.ErrUnsupported
}

func (l *listener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return nil
}
