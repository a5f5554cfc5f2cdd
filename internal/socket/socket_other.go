//go:build !unix

package socket

import (
	"errors"
	"net/netip"
	"os"
	"runtime"

	"github.com/systemfd/systemfd/internal/file"
	"github.com/systemfd/systemfd/internal/spec"
)

// Check reports that this system is not supported yet.
func Check(s spec.Spec) error {
	return &Error{Text: "systemfd does not support " + runtime.GOOS + " yet", Err: errors.ErrUnsupported}
}

// Open fails as Check does.
func Open(o spec.Opening) (Socket, error) { return Socket{}, Check(o.Spec) }

// File is the file of a unix socket; there is none here.
type File struct{}

// DescribeInherited finds nothing, as no process is started with descriptors here.
func DescribeInherited(int) Description { return Description{Text: "closed"} }

// ModeAt knows of no path.
func ModeAt(string) (mode spec.Optional[uint32]) { return mode }

// Resolve has nothing to resolve for.
func Resolve(o spec.Opening) (spec.Opening, error) { return o, nil }

// Absolute returns path as it is.
func Absolute(path string) string { return path }

// IsForeignLink knows of no owners.
func IsForeignLink(string) bool { return false }

// Stream has no descriptors to write to.
func Stream(int) file.Stream { return func([]byte) (int, error) { return 0, errors.ErrUnsupported } }

// HasRoom finds none.
func HasRoom(int) error { return errors.ErrUnsupported }

// SetNonblock has no descriptors to set it on.
func SetNonblock(int, bool) error { return errors.ErrUnsupported }

// Wait fails as Check does.
func Wait([]Socket) error { return Check(spec.Spec{}) }

// Forget has nothing to close.
func (s Socket) Forget() error { return nil }

// Listener accepts nothing here.
type Listener struct{}

// NewListener fails as Check does.
func NewListener(s Socket) (*Listener, error) { return nil, Check(s.Opening.Spec) }

// Accept fails as Check does.
func (l *Listener) Accept() (*os.File, netip.AddrPort, error) {
	return nil, netip.AddrPort{}, Check(spec.Spec{})
}

// Close has nothing to close.
func (l *Listener) Close() error { return nil }

// Close has nothing to close.
func (s Socket) Close() error { return nil }
