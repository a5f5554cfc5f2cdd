// Package inherit takes over the sockets that this process was started with: LISTEN_* in the
// environment, descriptors from 3 on, each looked at before it is believed.
package inherit

import (
	"fmt"
	"strings"

	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// Error says which descriptor is not what the environment says.
type Error struct {
	FD     int
	Want   string // what it should be, for a person; "" where nobody says
	Is     string // what it is, for a person
	Closed bool
}

func (e *Error) Error() string {
	if e.Want == "" {
		return fmt.Sprintf("descriptor %d of %s is %s", e.FD, listenfds.FDs, e.Is)
	}
	return fmt.Sprintf("descriptor %d should be %s, but is %s", e.FD, e.Want, e.Is)
}

// Hint says what a program between the outer systemfd and this one does, and the way out.
func (e *Error) Hint() string {
	if e.Closed {
		return "a program in between closes inherited descriptors, as npm, nodemon, Python's subprocess and sudo do: give the outer systemfd --hold"
	}
	return "a program in between puts descriptors of its own there, as node --watch and tsx do: give the outer systemfd --hold"
}

// Take returns the sockets of set. Stale tells that they are sockets fit to be passed, but not the
// ones that SYSTEMFD_SOCKETS describes: another activator has started in between. Its errors are *Error.
func Take(set listenfds.Set) (sockets []socket.Socket, stale bool, err error) {
	if set.Count == 0 {
		return nil, false, nil
	}
	wants := parseSpecs(set)
	stale = set.Specs != nil && wants == nil
	for i := range set.Count {
		fd := set.First + i
		is := socket.Describe(fd)
		s := socket.Socket{FD: fd, Spec: is.Spec}
		want := ""
		if wants != nil {
			want = wants[i].Display()
			if matches(is.Spec, wants[i]) {
				s.Spec = wants[i]
			} else {
				stale = true
			}
		}
		if !is.Open || set.Specs != nil && !is.Ready {
			return nil, false, &Error{FD: fd, Want: want, Is: is.Text, Closed: !is.Open}
		}
		s.Name = name(set, i, s.Spec)
		s.Spec.Name = ""
		if spec.ValidName(s.Name) {
			s.Spec.Name = s.Name
		}
		sockets = append(sockets, s)
	}
	return sockets, stale, nil
}

// parseSpecs returns the specifications of set, nil where they do not describe it.
func parseSpecs(set listenfds.Set) []spec.Spec {
	if len(set.Specs) != set.Count {
		return nil
	}
	var specs []spec.Spec
	for _, text := range set.Specs {
		s, err := spec.Parse(text)
		if err != nil {
			return nil
		}
		specs = append(specs, s)
	}
	return specs
}

// matches reports whether a socket is the one described. The kernel knows a path as it was bound,
// which is relative where the absolute one was too long.
func matches(is, want spec.Spec) bool {
	if is.Path != "" && is.Path[0] != '/' && strings.HasSuffix(want.Path, "/"+strings.TrimPrefix(is.Path, "./")) {
		is.Path = want.Path
	}
	return is.SameSocket(want)
}

// name returns what the parent calls descriptor i of set, else what its specification does.
func name(set listenfds.Set, i int, s spec.Spec) string {
	switch {
	case set.Names != nil:
		return set.Names[i]
	case s.Type != "" && set.Specs != nil:
		return s.FDName()
	}
	return listenfds.Unknown
}
