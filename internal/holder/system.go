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

	// Claim has the holder keep openings for a process, in place of what that claimed before. What the holder does not
	// have is opened here, with our umask and our rights, and stored. The holder is started if there is none.
	Claim(owner int, openings []spec.Opening) (Claimed, error)

	// Keep has the holder keep sockets that are open, and stay open here. Their paths are the holder's to remove if they
	// were made by Open.
	Keep(owner int, sockets []socket.Socket) error

	// Release drops the claim of a process; without a holder there is none.
	Release(owner int) error

	// Fetch returns what the holder keeps of openings, with copies of the sockets. This process counts as a user of these from
	// then on, and as an owner, until it ends. Users are all others but our ancestors: these are launchers, and no servers.
	// Without a holder it returns ErrGone.
	Fetch(openings []spec.Opening) ([]Fetched, error)

	// Look is Fetch that waits for a moment only: for what may be kept there.
	Look(openings []spec.Opening) ([]Fetched, error)

	// Use is Look without copies: for sockets that this process has.
	Use(openings []spec.Opening) ([]Fetched, error)

	// Status returns what the holder keeps. Without a holder it returns ErrGone. It waits for a moment only.
	Status() (State, error)

	// Stop closes what the holder keeps of openings, whoever wants that, and returns it. Without openings it closes everything. A
	// holder that has nothing left ends, and leaves a mark that it was stopped. Without a holder it returns ErrGone.
	Stop(openings []spec.Opening) ([]Kept, error)

	// WasStopped reports whether the holder was ended by Stop, and nobody has claimed anything since.
	WasStopped() bool

	// InUse names the holder of ours, another than this, that keeps what is in the way of a socket: the system only names
	// its process. It returns other errors as they are.
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

// States asks every holder of this user at once. Those that do not answer in a moment are told by warnings. What dead
// ones have left is removed.
func States() (states []State, warnings []string, err error) {
	if platform == nil {
		return nil, nil, nil
	}
	return platform.states()
}
