//go:build !unix

package holder

import (
	"os"
	"runtime"

	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

var errUnsupported = &Error{Text: "a holder is not supported on " + runtime.GOOS + " yet"}

// Control fails, as do all others that return an error.
func Control(string) (string, error) { return "", errUnsupported }

// Private fails.
func Private() (string, error) { return "", errUnsupported }

// Controls finds none.
func Controls() ([]string, error) { return nil, nil }

// DefaultOwner is the parent.
func DefaultOwner() int { return os.Getppid() }

// Claim fails.
func Claim(string, int, []spec.Spec, socket.Options) ([]spec.Spec, int, error) {
	return nil, 0, errUnsupported
}

// Keep fails.
func Keep(string, int, []socket.Socket, int) error { return errUnsupported }

// Release fails.
func Release(string, int) error { return errUnsupported }

// Stop fails.
func Stop(string) error { return errUnsupported }

// Status fails.
func Status(string) (State, error) { return State{}, errUnsupported }

// Fetch fails.
func Fetch(string, []spec.Spec) ([]socket.Socket, []User, error) { return nil, nil, errUnsupported }

// Main fails.
func Main([]string) int { return 1 }

// PIDFDID is Linux's alone.
func PIDFDID() string { return "" }
