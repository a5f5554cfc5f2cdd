package holder

import (
	"runtime"

	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// Client talks to one holder, whether it runs or not.
type Client interface {
	// Control returns the path of the control socket, as SYSTEMFD_HOLDER says it.
	Control() string

	// IsHere reports whether a state is that of the holder of the working directory, and of no other that has its name.
	IsHere(state State) bool

	// Claim makes the holder keep openings for a process, in place of the previous claim of that process. Sockets that the holder
	// does not have are opened here, with our umask and our rights, and stored. The holder is started if there is none.
	Claim(owner int, openings []spec.Opening) (Claimed, error)

	// Add is Claim, but the process keeps what it claimed before.
	Add(owner int, openings []spec.Opening) (Claimed, error)

	// Keep makes the holder keep sockets that are open, and stay open here. The holder removes their paths if they were made by
	// Open.
	Keep(owner int, sockets []socket.Socket) error

	// Release drops the claim of a process. Without a holder it does nothing.
	Release(owner int) error

	// Fetch returns those of openings that the holder keeps, with copies of the sockets. From then on this process is a user and an
	// owner of these sockets, until it ends. The users in the result do not include this process and its ancestors, which are
	// launchers and not servers. Without a holder it returns ErrGone.
	Fetch(openings []spec.Opening) ([]Fetched, error)

	// Look is Fetch that waits only for a moment, for sockets that the holder may keep.
	Look(openings []spec.Opening) ([]Fetched, error)

	// Use is Look without copies, for sockets that this process already has.
	Use(openings []spec.Opening) ([]Fetched, error)

	// Status returns what the holder keeps. Without a holder it returns ErrGone. It waits only for a moment.
	Status() (State, error)

	// Stop closes those of openings that the holder keeps, for all claims, and returns them. Without openings it closes everything. A
	// holder that has nothing left ends, and leaves a mark that it was stopped. Without a holder it returns ErrGone.
	Stop(openings []spec.Opening) ([]Kept, error)

	// WasStopped reports whether the holder was ended by Stop, and nobody has claimed anything since.
	WasStopped() bool

	// InUse adds to an error that an address is in use the holder that keeps it, if that is another holder of ours: the system names only
	// its process. It returns other errors unchanged.
	InUse(err error) error
}

// system makes clients.
type system struct {
	named   func(name string) (Client, error)
	private func() Client
	at      func(control string) (Client, error)
	all     func() ([]Client, error)
	states  func() ([]State, []string, error)
}

// platform is nil on a system that has no holders. Nobody has a Client there.
var platform *system

var errUnsupported = &Error{Text: "a holder is not supported on " + runtime.GOOS + " yet"}

// Named returns the holder with a name or, if that is "", the one that all terminals in the working directory share.
func Named(name string) (Client, error) {
	if platform == nil {
		return nil, errUnsupported
	}
	return platform.named(name)
}

// Private returns a holder of its own, on a system that has any.
func Private() (Client, error) {
	if platform == nil {
		return nil, errUnsupported
	}
	return platform.private(), nil
}

// At returns the holder whose control socket SYSTEMFD_HOLDER says. That has to be in a directory of control sockets of
// ours. Root may use another user's, for sudo -E.
func At(control string) (Client, error) {
	if platform == nil {
		return nil, errUnsupported
	}
	return platform.at(control)
}

// All returns every holder of this user, dead ones included.
func All() ([]Client, error) {
	if platform == nil {
		return nil, nil
	}
	return platform.all()
}

// States asks all holders of this user at the same time. There is a warning for each holder that does not answer in a moment. Files
// of dead holders are removed.
func States() (states []State, warnings []string, err error) {
	if platform == nil {
		return nil, nil, nil
	}
	return platform.states()
}
