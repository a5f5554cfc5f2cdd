// Package takeover finds the sockets that the command gets: those that this process was started with, those that a
// holder keeps, and those that are opened for it. Each descriptor is checked before it is used.
//
// It prints nothing: it returns warnings for the user.
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
	Users   []process.Process // other living processes, without our ancestors, that have fetched it from its holder
	IsFound bool              // it is Held, but no variable said so
	Owners  []process.Process // if IsFound: for whom it is kept open
}

// Sockets returns the sockets without their origins.
func Sockets(all []Socket) []socket.Socket {
	sockets := make([]socket.Socket, len(all))
	for i, s := range all {
		sockets[i] = s.Socket
	}
	return sockets
}

// Undo closes the sockets that were opened, and removes the files that were made for them. It closes the last socket first, because a
// directory is removed with the socket for which it was made.
func Undo(all []Socket) {
	for _, s := range slices.Backward(all) {
		if s.Origin == Opened {
			s.Close()
		}
	}
}

// Describe returns sockets as the protocol describes them. It has the addresses only if those of all sockets are known.
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
