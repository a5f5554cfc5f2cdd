package socket

import (
	"golang.org/x/sys/windows"

	"github.com/systemfd/systemfd/internal/spec"
)

// Describe says what a handle is.
func Describe(fd int) Description {
	h := windows.Handle(fd)
	sotype, err := windows.GetsockoptInt(h, windows.SOL_SOCKET, typeOfSocket)
	if err != nil {
		return Description{Text: "no socket"}
	}
	d := Description{Open: true}
	accepts, err := windows.GetsockoptInt(h, windows.SOL_SOCKET, acceptConn)
	d.Listening = err == nil && accepts != 0
	_, err = windows.Getpeername(h)
	d.Connected = err == nil
	s := specOf(sotype, fd)
	d.Ready = d.Listening || sotype == windows.SOCK_DGRAM && !d.Connected && s.Type != ""
	switch {
	case d.Ready && s.Type != "":
		d.Spec, d.Text = s, s.Display()
	case d.Connected:
		d.Text = "a socket, connected"
	default:
		d.Text, d.bound = "a socket, neither listening nor connected", s
	}
	return d
}

// specOf returns the plainest specification of a socket, the zero Spec if there is none.
func specOf(sotype, fd int) (s spec.Spec) {
	for transport, t := range transports {
		if addr := boundTo(fd); t == sotype && addr.Port() != 0 {
			s.Type, s.Addr = spec.TypeOf(spec.Inet, transport), addr
		}
	}
	return s
}
