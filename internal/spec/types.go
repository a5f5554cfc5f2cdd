package spec

import "slices"

// Type is the TYPE of a specification, in lower case.
type Type string

// Family says what a VALUE of the type is.
type Family string

// The two families.
const (
	Inet Family = "inet" // a port or host:port
	Unix Family = "unix" // a path
)

// Transport is how a socket carries data, in the words of socket(2).
type Transport string

// The transports. A stream or seqpacket socket listens; a datagram socket is only bound.
const (
	Stream    Transport = "stream"
	Datagram  Transport = "datagram"
	SeqPacket Transport = "seqpacket"
)

// kind is what systemfd knows of one TYPE.
type kind struct {
	name      Type
	family    Family
	transport Transport
	scheme    string // of its URL
	label     string // for a person
}

// kinds has a row per TYPE, in the order in which help and errors list them. If several types are the same to the kernel, the plainest
// comes first.
var kinds = []kind{
	{"tcp", Inet, Stream, "", "tcp listener"},
	{"http", Inet, Stream, "http", "tcp listener"},
	{"https", Inet, Stream, "https", "tcp listener"},
	{"udp", Inet, Datagram, "", "udp"},
	{"unix", Unix, Stream, "", "unix listener"},
	{"unix-dgram", Unix, Datagram, "", "unix datagram"},
	{"unix-seqpacket", Unix, SeqPacket, "", "unix seqpacket listener"},
}

// Types returns every TYPE.
func Types() []Type {
	types := make([]Type, len(kinds))
	for i, k := range kinds {
		types[i] = k.name
	}
	return types
}

// TypeOf returns the plainest type of that family and transport, "" if there is none.
func TypeOf(f Family, t Transport) Type {
	for _, k := range kinds {
		if k.family == f && k.transport == t {
			return k.name
		}
	}
	return ""
}

// Family returns the family of t.
func (t Type) Family() Family { return t.kind().family }

// Transport returns the transport of t.
func (t Type) Transport() Transport { return t.kind().transport }

// Label describes a socket of type t for a person.
func (t Type) Label() string { return t.kind().label }

// kind returns the row of t, or the zero row.
func (t Type) kind() kind {
	if i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == t }); i >= 0 {
		return kinds[i]
	}
	return kind{}
}
