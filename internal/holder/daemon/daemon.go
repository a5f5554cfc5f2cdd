// Package daemon is the holder: a background process that keeps sockets open while nobody else does.
//
// It opens no socket of its own accord, and never accepts, reads or writes on one that it keeps. Clients store what
// they have opened, by the conversation of package wire, over a unix socket in a directory that only its user may
// enter. What is kept is claimed: a claim is an owner, a process that is watched, and the openings that it wants.
// A process that has fetched a socket is an owner of it, too. What nobody wants any more is closed, and the
// holder ends with the last claim.
package daemon

// Command is the hidden command by which systemfd starts itself as a holder.
const Command = "holder"

// Error is what a holder refuses, or why there cannot be one.
type Error struct {
	Text, Remedy string
	Err          error // the system's, or nil
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.Err }

// Hint returns the way out, or "".
func (e *Error) Hint() string { return e.Remedy }
