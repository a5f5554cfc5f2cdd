// Package holder keeps sockets open while nobody else does: a small background process, and its client.
//
// The holder never accepts, reads or writes on a held socket. It listens on a unix socket in a folder that is
// its user's alone; a connection carries one request and one reply. What it holds is claimed: a claim is an
// owner, a process that is watched, and the specifications that it wants open. The holder keeps the union of
// the claims and ends with the last one.
package holder

import (
	"errors"
	"fmt"
	"time"
)

// Command is the hidden command by which systemfd starts itself as a holder.
const Command = "holder"

// ErrGone means that no holder answers: there is none, or it is about to end.
var ErrGone = errors.New("no holder answers")

// Error is what a holder refuses, or why there cannot be one.
type Error struct{ Text, Remedy string }

func (e *Error) Error() string { return e.Text }

// Hint returns the way out, or "".
func (e *Error) Hint() string { return e.Remedy }

// Process is a process as its user knows it.
type Process struct {
	PID  int    `json:"pid"`
	Name string `json:"name,omitempty"`
}

func (p Process) String() string {
	if p.Name == "" {
		return fmt.Sprintf("pid %d", p.PID)
	}
	return fmt.Sprintf("%s (pid %d)", p.Name, p.PID)
}

// User is a process that fetched a socket before, and lives.
type User struct {
	Process
	Socket int // index of the socket in what was asked for
}

// Held is one held socket.
type Held struct {
	Spec    string    `json:"spec"` // what it is bound to, with its name
	Owners  []Process `json:"owners"`
	Users   []Process `json:"users"` // who fetched it, and lives
	Since   time.Time `json:"since"`
	Waiting int       `json:"waiting"` // connections in the listen queue; -1 where the system does not tell
}

// State is what a holder holds, in the order in which it was claimed.
type State struct {
	Control string `json:"control"` // path of the control socket
	Folder  string `json:"folder"`  // where it was started
	PID     int    `json:"pid"`
	Sockets []Held `json:"sockets"`
}

// protocol is the version of the messages below; of another one nothing is understood.
const protocol = 1

// The operations of a request.
const (
	opClaim   = "claim"   // Owner, Specs: hold these for the owner, in place of what it claimed before
	opRelease = "release" // Owner: drop its claim
	opFetch   = "fetch"   // Specs: pass the descriptors of these, as they are bound
	opStatus  = "status"
	opStop    = "stop"
)

type request struct {
	Protocol int
	Op       string
	Client   int // process ID
	Owner    int
	Specs    []string
}

type reply struct {
	Protocol    int
	Error, Hint string
	Ending      bool     // ask again: there will be another holder
	Specs       []string // of a claim, as bound
	Users       []User   // of a fetch
	Descriptors int      // how many follow, at most maxRights a message
	State       State
}

// maxRights is SCM_MAX_FD of the kernel, the most descriptors that one message carries.
const maxRights = 253
