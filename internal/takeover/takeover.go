// Package takeover finds the sockets that the command gets: those that this process was started with, those that a
// holder keeps, and those that are opened for it. Each descriptor is looked at before it is believed.
//
// It prints nothing: what a person should know is in the warnings that it returns.
package takeover

import (
	"slices"

	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// Origin says where a socket comes from.
type Origin int

// The origins.
const (
	Opened    Origin = iota // here, now
	Inherited               // from the process that started this one
	Held                    // from a holder
)

// Socket is a socket on its way to the command.
type Socket struct {
	socket.Socket
	Origin  Origin
	Users   []process.Process // other living processes, but our ancestors, that have fetched it from its holder
	IsFound bool              // it is held, and no variable said so
	Owners  []process.Process // of such a one: for whom it is kept open
}

// Sockets returns the sockets without where they come from.
func Sockets(all []Socket) []socket.Socket {
	sockets := make([]socket.Socket, len(all))
	for i, s := range all {
		sockets[i] = s.Socket
	}
	return sockets
}

// Undo closes what was opened, and removes what was made for it. The last goes first: a directory goes with the socket
// for which it was made.
func Undo(all []Socket) {
	for _, s := range slices.Backward(all) {
		if s.Origin == Opened {
			s.Close()
		}
	}
}

// Describe returns sockets as the protocol says them; what they are bound to only if that can be said of all.
func Describe(sockets []socket.Socket) listenfds.Set {
	set := listenfds.Set{First: listenfds.Start, Count: len(sockets)}
	set.Names = make([]string, len(sockets))
	openings, known := make([]spec.Opening, len(sockets)), true
	for i, s := range sockets {
		set.Names[i], openings[i] = s.Name, s.Opening
		known = known && s.Type != ""
	}
	if known {
		set.Sockets = spec.EncodeOpenings(openings)
	}
	return set
}
