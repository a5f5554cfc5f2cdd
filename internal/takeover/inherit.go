package takeover

import (
	"fmt"

	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/share"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// InheritError says which descriptor is not what the environment says.
type InheritError struct {
	FD     int
	Want   string // what it should be, for a person; "" if nobody says
	Is     string // what it is, for a person
	Closed bool
}

func (e *InheritError) Error() string {
	if e.Want == "" {
		return fmt.Sprintf("descriptor %d of %s is %s", e.FD, listenfds.FDs, e.Is)
	}
	return fmt.Sprintf("descriptor %d should be %s, but is %s", e.FD, e.Want, e.Is)
}

// Hint says what a program between the outer systemfd and this one does, and the way out.
func (e *InheritError) Hint() string {
	if e.Closed {
		return "a program in between closes inherited descriptors, as npm, nodemon, Python's subprocess and sudo do: give the outer systemfd --hold"
	}
	return "a program in between puts descriptors of its own there, as node --watch and tsx do: give the outer systemfd --hold"
}

// Inherit returns the sockets of set that this process was started with. Stale tells that they are fit to be passed, but
// are not the ones that SYSTEMFD_SOCKETS describes: another activator has started in between. One that is described, and
// that a server has shut down, is returned as it is. Its errors are *InheritError.
func Inherit(set listenfds.Set) (sockets []socket.Socket, stale bool, err error) {
	count, at, err := passed(set)
	if count == 0 {
		return nil, false, err
	}
	wants, err := spec.ParseOpenings(set.Sockets)
	if err != nil || len(wants) != count {
		wants, stale = nil, set.Sockets != ""
	}
	for i := range count {
		fd := at(i)
		is := socket.DescribeInherited(fd)
		s := socket.Socket{FD: fd, Opening: spec.Opening{Spec: is.Spec, Options: spec.Defaults()}}
		want := ""
		if wants != nil {
			want = wants[i].Display()
		}
		wasOnce := wants != nil && is.WasOnce(wants[i].Spec)
		if wasOnce || wants != nil && is.Is(wants[i].Spec) {
			s.Opening = wants[i]
		} else {
			s.Mode = socket.ModeAt(s.Path)
			stale = stale || wants != nil
		}
		if !is.Open || set.Sockets != "" && !is.Ready && !wasOnce {
			return nil, false, &InheritError{FD: fd, Want: want, Is: is.Text, Closed: !is.Open}
		}
		s.Name = name(set, i, s.Spec)
		s.Opening.Name = s.Name
		sockets = append(sockets, s)
	}
	return sockets, stale, nil
}

// passed returns how many sockets of set there are, and where each stands. LISTEN_FDS may be any number.
func passed(set listenfds.Set) (count int, at func(int) int, err error) {
	if set.Server != "" && share.IsUsed() {
		fds, err := share.Fetch(set.Server, set.Secret)
		return len(fds), func(i int) int { return fds[i] }, err
	}
	return set.Count, func(i int) int { return set.First + i }, nil
}

// name returns what the parent calls descriptor i of set, else what its opening does.
func name(set listenfds.Set, i int, s spec.Spec) string {
	switch {
	case set.Names != nil:
		return set.Names[i]
	case s.Type != "" && set.Sockets != "":
		return s.FDName()
	}
	return listenfds.Unknown
}
