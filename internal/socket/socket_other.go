//go:build !unix

package socket

import (
	"errors"
	"net/netip"
	"os"
	"runtime"

	"github.com/systemfd/systemfd/internal/spec"
)

// Check reports that this system is not supported yet.
func Check(s spec.Spec) error {
	return &Error{Text: "systemfd does not support " + runtime.GOOS + " yet", Err: errors.ErrUnsupported}
}

// Open fails as Check does.
func Open(s spec.Spec, _ Options) (Socket, error) { return Socket{}, Check(s) }

// Describe finds nothing, as no process is started with descriptors here.
func Describe(int) Description { return Description{Text: "closed"} }

// Wait fails as Check does.
func Wait([]Socket) error { return Check(spec.Spec{}) }

// Forget has nothing to close.
func (s Socket) Forget() error { return nil }

// Listener accepts nothing here.
type Listener struct{}

// NewListener fails as Check does.
func NewListener(s Socket) (*Listener, error) { return nil, Check(s.Spec) }

// Accept fails as Check does.
func (l *Listener) Accept() (*os.File, netip.AddrPort, error) {
	return nil, netip.AddrPort{}, Check(spec.Spec{})
}

// Close has nothing to close.
func (l *Listener) Close() error { return nil }

// Close has nothing to close.
func (s Socket) Close() error { return nil }
