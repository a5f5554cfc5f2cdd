// Package holder is the client of a holder, the background process that keeps sockets open while nobody else does.
//
// A holder is known by its control socket. One that is needed and does not run is started. A client trusts no holder:
// what it says is limited in size and time, and each descriptor is looked at before it is believed.
package holder

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/systemfd/systemfd/internal/holder/daemon"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// ErrGone means that there is no holder: none was started, or it has ended.
var ErrGone = errors.New("no holder answers")

// ErrForeign means that a holder is another user's.
var ErrForeign = errors.New("the holder is another user's")

// Error says what is wrong with a holder, or what it refuses.
type Error = daemon.Error

// Claimed is what a holder keeps for an owner.
type Claimed struct {
	Openings []spec.Opening // as bound, in the order of the claim
	IsNew    []bool         // which of them this claim has opened
	PID      int            // of the holder
	Warnings []string       // of sockets that were broken

	Server, Secret string // who gives them to the programs of the owner, if the system passes no descriptors
}

// Kept is a socket that a holder keeps.
type Kept struct {
	Opening spec.Opening // as bound, with the name that its owner gave it
	Owners  []process.Process
	Users   []process.Process // who has fetched it, and lives
	Since   time.Time
	Waiting int // connections in the listen queue; -1 if the system does not tell

	Damage   string // what keeps clients from it, "" if nothing does
	IsMended bool   // it did, until now
}

// Fetched is a socket that was asked for.
type Fetched struct {
	Kept
	IsKept    bool          // else all of Kept is zero
	IsStopped bool          // it is not kept because Stop has closed it, and nobody has claimed it since
	Socket    socket.Socket // a copy with FD_CLOEXEC, if it was asked for
}

// State is what a holder keeps, in the order in which it came.
type State struct {
	Control   string // path of the control socket
	Directory string // in which it was started
	PID       int
	IsNamed   bool // by --name, or a name of its own made by --hold: else all in the directory share it
	Sockets   []Kept
}

// IsToBeOpened reports whether a socket is damaged, and nobody uses it: then another one may take its place.
func (f Fetched) IsToBeOpened() bool { return f.Damage != "" && !f.IsMended && len(f.Users) == 0 }

// DamageText says what was broken, and what came of it.
func (f Fetched) DamageText() string {
	text := fmt.Sprintf("%s: %s; ", f.Kept.Opening.Address(), f.Damage)
	if len(f.Users) > 0 && !f.IsMended {
		return text + process.Join(f.Users) + " still uses the old socket: start that again"
	}
	return text + OpenedAgain(nil, f.Waiting)
}

// OpenedAgain says what became of a damaged socket. A unix socket is replaced by a new one. Then it names the processes that still
// have the old one, and counts the clients that wait for it. The new socket does them no harm: nobody could connect to the old
// one any more, and its connections go on.
func OpenedAgain(sharers []process.Process, waiting int) string {
	clients := ""
	switch {
	case waiting == 1:
		clients = "one waiting client"
	case waiting > 1:
		clients = fmt.Sprintf("%d waiting clients", waiting)
	}
	switch {
	case len(sharers) > 0 && clients != "":
		return fmt.Sprintf("opened it again, and the old one, with %s, is still open in %s", clients, process.Join(sharers))
	case len(sharers) > 0:
		return "opened it again, and the old one is still open in " + process.Join(sharers)
	case clients != "":
		return "opened it again, and lost " + clients
	}
	return "opened it again"
}

// OpenBeside opens what overlaps with nothing of what is open. A holder keeps the first of that, so many.
func OpenBeside(wanted spec.Opening, open []spec.Opening, kept int) (socket.Socket, error) {
	s, err := socket.Open(wanted, open...)
	if !errors.Is(err, syscall.EADDRINUSE) || wanted.Next {
		return s, err
	}
	if inWay := wanted.InWay(open[:kept]); inWay >= 0 {
		return s, &Error{
			Text:   fmt.Sprintf("%s is in use by %s, which is kept open here", wanted.Address(), open[inWay].Address()),
			Remedy: "close that first: systemfd stop",
		}
	}
	return s, err
}

// CloseFetched closes the copies.
func CloseFetched(all []Fetched) {
	for _, f := range all {
		if f.IsKept && f.Socket.FD > 0 {
			f.Socket.Forget()
		}
	}
}

// suffix ends the path of a control socket.
const suffix = ".sock"

// Name is that of the holder, as systemfd stop takes it. That of a directory's is a hash of its path.
func (s State) Name() string { return strings.TrimSuffix(filepath.Base(s.Control), suffix) }

// Differs is the error for an option that a kept socket does not have.
func Differs(kept Kept, option string) error {
	owners := ""
	if len(kept.Owners) > 0 {
		owners = " for " + process.Join(kept.Owners)
	}
	return &Error{Text: fmt.Sprintf("%s is kept open%s, but without %s", kept.Opening.Address(), owners, option), Remedy: "close it first: systemfd stop"}
}
