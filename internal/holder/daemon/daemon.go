// Package daemon is the holder: a background process that keeps sockets open while nobody else does.
//
// It never opens a socket for a client, and never accepts, reads or writes on a socket that it keeps. Clients open sockets and store
// them, by the conversation of package wire, over a unix socket in a directory that only its user may enter. A claim has an owner,
// which is a process that is watched, and the openings that this process wants. A process that has fetched a socket is an owner of
// it, too. A socket without a claim is closed, and the holder ends with the last claim.
package daemon

// Command is the hidden command by which systemfd starts itself as a holder.
const Command = "holder"

// Error says why a holder refuses something, or cannot be started.
type Error struct {
	Text, Remedy string
	Err          error // the system's, or nil
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.Err }

// Hint returns the way out, or "".
func (e *Error) Hint() string { return e.Remedy }
