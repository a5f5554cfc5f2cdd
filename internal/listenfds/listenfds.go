// Package listenfds is the socket-activation protocol as sd_listen_fds(3) describes it: its
// constants, its environment variables, read and written. It makes no system call.
package listenfds

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Start is SD_LISTEN_FDS_START of sd_listen_fds(3), the first descriptor that is passed.
const Start = 3

// Prefix begins the names of sd_listen_fds(3).
const Prefix = "LISTEN_"

// The variables of the protocol.
const (
	FDs     = "LISTEN_FDS"          // how many descriptors
	PID     = "LISTEN_PID"          // the process that they are for
	PIDFDID = "LISTEN_PIDFDID"      // the same by pidfd inode, systemd 259 and later
	FDNames = "LISTEN_FDNAMES"      // their names, ":" between
	FirstFD = "LISTEN_FDS_FIRST_FD" // the first descriptor, for the listenfd crate
	Sockets = "SYSTEMFD_SOCKETS"    // what they are bound to, as package spec encodes openings
	Holder  = "SYSTEMFD_HOLDER"     // the control socket of a holder
)

// The variables of systems on which descriptors are not inherited: see package share.
const (
	Server = "SYSTEMFD_SOCKET_SERVER" // where the sockets are given
	Secret = "SYSTEMFD_SOCKET_SECRET" // for whom
)

// Unknown is the name that sd_listen_fds_with_names(3) gives a descriptor without one.
const Unknown = "unknown"

// Set is a set of passed descriptors: Count of them, contiguous from First.
type Set struct {
	First   int      // a descriptor
	Count   int      // of descriptors
	Names   []string // Count of them
	Sockets string   // what they are bound to, as SYSTEMFD_SOCKETS says it; "" if nobody says
	PID     int      // the reader's process ID; 0 leaves the variable out

	Holder     string // control socket of the holder that keeps them; "" if there is none
	NoHolder   bool   // SYSTEMFD_HOLDER is set and empty: no holder is to be looked for
	IsOnlyHeld bool   // they are kept there, and not passed: without LISTEN_*

	Server, Secret string // who gives them to the reader, who has no descriptors then: without LISTEN_*
}

// Error says which variable of the environment is wrong.
type Error struct {
	Variable, Value, Problem string
}

func (e *Error) Error() string { return fmt.Sprintf("%s is %q: %s", e.Variable, e.Value, e.Problem) }

// Hint returns the way out.
func (e *Error) Hint() string { return fmt.Sprintf("unset %s, or start again what set it", e.Variable) }

// Parse returns the set that the variables describe, with Count 0 if LISTEN_FDS is not set. LISTEN_PID is
// left out of it: whether the set was meant for somebody else is not for the protocol to decide.
// Names whose number differs from LISTEN_FDS are dropped, as a reader would refuse them. Its errors are *Error.
func Parse(lookup func(string) (string, bool)) (Set, error) {
	set := Set{First: Start}
	holder, isSet := lookup(Holder)
	set.Holder, set.NoHolder = holder, isSet && holder == ""
	set.Sockets, _ = lookup(Sockets)
	set.Server, _ = lookup(Server)
	set.Secret, _ = lookup(Secret)
	value, _ := lookup(FDs)
	if value == "" {
		return set, nil
	}
	var err error
	if set.Count, err = parseNumber(FDs, value); err != nil {
		return set, err
	}
	if value, _ := lookup(FirstFD); value != "" {
		if set.First, err = parseNumber(FirstFD, value); err != nil {
			return set, err
		}
		if set.First < Start {
			return set, &Error{FirstFD, value, "the standard streams are no passed descriptors"}
		}
	}
	if value, _ := lookup(FDNames); value != "" {
		if names := strings.Split(value, ":"); len(names) == set.Count {
			set.Names = names
		}
	}
	return set, nil
}

// IsGiven reports whether the environment says which sockets there are, or that there are none.
func IsGiven(lookup func(string) (string, bool)) bool {
	fds, _ := lookup(FDs)
	sockets, _ := lookup(Sockets)
	server, _ := lookup(Server)
	_, hasHolder := lookup(Holder)
	return fds != "" || sockets != "" || server != "" || hasHolder
}

// parseNumber reads a number of, or up to, descriptors; an int32 is what the kernel has.
func parseNumber(variable, value string) (int, error) {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0, &Error{variable, value, "not a number of descriptors"}
	}
	return int(n), nil
}

// Variable is one variable of the environment.
type Variable struct{ Name, Value string }

// Variables returns what the environment has to say, in a fixed order. A set without descriptors may still say which
// sockets there are, and that no holder is to be looked for.
func (s Set) Variables() []Variable {
	var all []Variable
	if s.Holder != "" && s.Count > 0 || s.NoHolder {
		all = append(all, Variable{Holder, s.Holder})
	}
	if s.Sockets != "" {
		all = append(all, Variable{Sockets, s.Sockets})
	}
	if s.Server != "" {
		return append(all, Variable{Server, s.Server}, Variable{Secret, s.Secret})
	}
	if s.Count == 0 || s.IsOnlyHeld {
		return all
	}
	all = append(all, Variable{FDs, strconv.Itoa(s.Count)}, Variable{FDNames, strings.Join(s.Names, ":")})
	if s.PID != 0 {
		all = append(all, Variable{PID, strconv.Itoa(s.PID)})
	}
	return append(all, Variable{FirstFD, strconv.Itoa(s.First)})
}

// Environ returns environ, a list of NAME=VALUE, with the set's variables and without any other of the
// protocol's.
func Environ(environ []string, set Set) []string {
	out := make([]string, 0, len(environ)+6)
	for _, variable := range environ {
		if !isOurs(variable) {
			out = append(out, variable)
		}
	}
	for _, v := range set.Variables() {
		out = append(out, v.Name+"="+v.Value)
	}
	return out
}

// Names are all variables of the protocol.
var Names = []string{Holder, Sockets, FDs, FDNames, PID, PIDFDID, FirstFD}

func isOurs(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return slices.Contains(Names, name) || name == Server || name == Secret
}
