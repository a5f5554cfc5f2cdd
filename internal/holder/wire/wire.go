// Package wire is the conversation with a holder: its messages, and how they are read. It makes no system call.
//
// A message is a line of JSON. A conversation is one request and one answer, on a connection of its own:
//
//	client                  holder
//	Request            ->
//	                   <-   Header, and if it has no error: Answer, then Answer.Descriptors descriptors
//
// A claim goes on: the client opens and stores the sockets that the holder does not have, or that a server has broken.
//
//	Store, descriptors ->
//	                   <-   Header
//
// The first line of every answer, the Header, never changes its form: a client of any version can read it.
package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Protocol is the version of everything but Header.
const Protocol = 2

// MaxText is the largest size of a request, a store or an answer, in bytes.
const MaxText = 1 << 20

// How long one side waits for the other.
const (
	RequestTime = 2 * time.Second       // for a request to arrive, and for an answer to leave
	StoreTime   = 10 * time.Second      // for the store, after the answer to a claim
	BusyTime    = 30 * time.Second      // for the claims of others
	BusyPause   = 20 * time.Millisecond // between two tries
)

// The operations of a request.
const (
	Claim   = "claim"   // Owner, Openings, Adds: keep these for the owner, in place of what it claimed before or beside it
	Release = "release" // Owner: drop its claim
	Fetch   = "fetch"   // Openings, Pass: say who uses these, and pass their descriptors
	Status  = "status"
	Stop    = "stop" // Openings: close these, whoever claims them; without, close everything, and end
)

// Request is what a client asks.
type Request struct {
	Protocol int
	Op       string
	Client   int      // process ID of the one who asks
	Owner    int      `json:",omitempty"` // process ID
	Openings []string `json:",omitempty"` // as package spec encodes them; of a claim: as wanted
	Pass     bool     `json:",omitempty"` // the descriptors, too
	Adds     bool     `json:",omitempty"` // the owner keeps what it claimed before
}

// NamesProcesses reports whether a request has process IDs. Then client and holder have to be in the same pid namespace.
func (r Request) NamesProcesses() bool { return r.Op != Status && r.Op != Stop }

// Header is the first line of every answer.
type Header struct {
	Protocol int
	Error    string // "" if there is none
	Hint     string // the way out, or ""
}

// Answer is the second line, if there is no error.
type Answer struct {
	PID       int    // of the holder
	Directory string // in which it was started

	Busy  bool     `json:",omitempty"` // another claim is in conversation: ask again; also of a stop
	Bound []string `json:",omitempty"` // of a claim: each opening as it is bound, "" if it is missing
	Kept  []string `json:",omitempty"` // of a claim: all that is kept, as it is bound

	Found       []*Socket `json:",omitempty"` // of a fetch: each opening, null if it is missing; of a claim: those with damage
	Stopped     []int     `json:",omitempty"` // of a fetch: openings that are missing because a stop has closed them
	Descriptors int       `json:",omitempty"` // how many follow: one for each that was found, in order

	Sockets []*Socket      `json:",omitempty"` // of a status: all that is kept, in the order in which it came; of a stop: what it closed
	Names   map[int]string `json:",omitempty"` // of the processes in Found or Sockets
}

// Socket is a socket that is kept.
type Socket struct {
	Bound   string
	Owners  []int `json:",omitempty"` // process IDs: for whom it is kept
	Users   []int `json:",omitempty"` // process IDs: who has fetched it, and lives
	Since   int64 `json:",omitempty"` // seconds of Unix time
	Waiting int   `json:",omitempty"` // connections in the listen queue; -1 if the system does not tell

	Damage   string `json:",omitempty"` // what keeps clients from it
	IsMended bool   `json:",omitempty"` // the damage is gone: the holder has just repaired it
}

// Store is what the client of a claim says of the descriptors that follow: one for each opening that was missing or is in
// Again, in order.
type Store struct {
	Again   []int `json:",omitempty"` // openings of the claim whose sockets are damaged, and replaced
	Sockets []Stored
}

// Stored is a socket that the client has open.
type Stored struct {
	Bound         string
	Device, Inode uint64 // of its path, right after bind(2); 0 if the holder must not remove it
}

// ForeignVersion returns the error for the other side's version.
func ForeignVersion(holder, client int) string {
	return fmt.Sprintf("the holder speaks version %d of the protocol, this systemfd version %d", holder, client)
}

// Lines returns messages, a line each.
func Lines(messages ...any) ([]byte, error) {
	var text []byte
	for _, message := range messages {
		line, err := json.Marshal(message)
		if err != nil {
			return nil, err
		}
		text = append(append(text, line...), '\n')
	}
	if len(text) > MaxText {
		return nil, ErrTooLarge
	}
	return text, nil
}

// ErrTooLarge means that a message is longer than MaxText.
var ErrTooLarge = errors.New("the message is too large")

// ErrMalformed means that a line is not the message expected.
var ErrMalformed = errors.New("the message is malformed")
