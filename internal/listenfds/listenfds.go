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

// The variables of the protocol.
const (
	FDs     = "LISTEN_FDS"          // how many descriptors
	PID     = "LISTEN_PID"          // the process that they are for
	PIDFDID = "LISTEN_PIDFDID"      // the same by pidfd inode, systemd 259 and later
	FDNames = "LISTEN_FDNAMES"      // their names, ":" between
	FirstFD = "LISTEN_FDS_FIRST_FD" // the first descriptor, for the listenfd crate
	Sockets = "SYSTEMFD_SOCKETS"    // what they are bound to, as specifications, "," between
	Holder  = "SYSTEMFD_HOLDER"     // the control socket of a holder
)

// Unknown is the name that sd_listen_fds_with_names(3) gives a descriptor without one.
const Unknown = "unknown"

// Set is a set of passed descriptors: Count of them, contiguous from First.
type Set struct {
	First int      // a descriptor
	Count int      // of descriptors
	Names []string // Count of them
	Specs []string // what each is bound to; nil where nobody says
	PID   int      // the reader's process ID; 0 leaves the variable out

	Holder string // control socket of the holder that keeps them; "" where there is none
}

// Error says which variable of the environment is wrong.
type Error struct {
	Variable, Value, Problem string
}

func (e *Error) Error() string { return fmt.Sprintf("%s is %q: %s", e.Variable, e.Value, e.Problem) }

// Hint returns the way out.
func (e *Error) Hint() string { return fmt.Sprintf("unset %s, or start again what set it", e.Variable) }

// Parse returns the set that the variables describe, with Count 0 where LISTEN_FDS is not set. LISTEN_PID is
// left out of it: whether the set was meant for somebody else is not for the protocol to decide.
// Names beside the number are dropped, as a reader would refuse them. Its errors are *Error.
func Parse(getenv func(string) string) (Set, error) {
	set := Set{First: Start, Holder: getenv(Holder)}
	if value := getenv(Sockets); value != "" {
		for field := range strings.SplitSeq(value, ",") {
			set.Specs = append(set.Specs, decode(field))
		}
	}
	value := getenv(FDs)
	if value == "" {
		return set, nil
	}
	var err error
	if set.Count, err = parseDescriptor(FDs, value); err != nil {
		return Set{}, err
	}
	if value := getenv(FirstFD); value != "" {
		if set.First, err = parseDescriptor(FirstFD, value); err != nil {
			return Set{}, err
		}
	}
	if value := getenv(FDNames); value != "" {
		if names := strings.Split(value, ":"); len(names) == set.Count {
			set.Names = names
		}
	}
	return set, nil
}

// parseDescriptor reads a number of, or up to, descriptors; an int32 is what the kernel has.
func parseDescriptor(variable, value string) (int, error) {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0, &Error{variable, value, "not a number of descriptors"}
	}
	return int(n), nil
}

// Environ returns environ, a list of NAME=VALUE, with the set's variables and without any other of the
// protocol's. A set without descriptors leaves none of them.
func Environ(environ []string, set Set) []string {
	out := make([]string, 0, len(environ)+6)
	for _, variable := range environ {
		if !isOurs(variable) {
			out = append(out, variable)
		}
	}
	if set.Count == 0 {
		return out
	}
	out = append(out, FDs+"="+strconv.Itoa(set.Count))
	if set.PID != 0 {
		out = append(out, PID+"="+strconv.Itoa(set.PID))
	}
	out = append(out, FDNames+"="+strings.Join(set.Names, ":"), FirstFD+"="+strconv.Itoa(set.First))
	if set.Specs != nil {
		out = append(out, Sockets+"="+Encode(set.Specs))
	}
	if set.Holder != "" {
		out = append(out, Holder+"="+set.Holder)
	}
	return out
}

// Variables are all of the protocol's.
var Variables = []string{Holder, Sockets, FDs, FDNames, PID, PIDFDID, FirstFD}

func isOurs(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return slices.Contains(Variables, name)
}
