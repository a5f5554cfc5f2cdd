package cli

import (
	"fmt"

	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/takeover"
)

// What differs on a system on which COMMAND inherits no descriptors, and asks for its sockets.

// checkSystem refuses what needs descriptors. What --hold is for is so without them anyway: the sockets stay open for as long as
// COMMAND lives. And nobody looks at LISTEN_PID.
func (f *runFlags) checkSystem() error {
	if handoff.PassesDescriptors {
		return nil
	}
	f.Hold = false
	for _, flag := range []struct {
		name    string
		isGiven bool
	}{{"accept", f.Accept}, {"inetd", f.Inetd}, {"nonblock", f.Nonblock}} {
		if flag.isGiven {
			return superfluous("--"+flag.name+" passes descriptors, and this system has none to pass", "leave it out", flag.name)
		}
	}
	return nil
}

// firstPlace is the number of the first socket.
func firstPlace() int {
	if handoff.PassesDescriptors {
		return listenfds.Start
	}
	return 0
}

// placeOf says where COMMAND finds the socket with that index.
func placeOf(i int) string {
	if handoff.PassesDescriptors {
		return fmt.Sprintf("fd #%d", firstPlace()+i)
	}
	return fmt.Sprintf("socket #%d", firstPlace()+i)
}

// givenBy describes the sockets that a server gives this process, and says why that is none.
func givenBy(set listenfds.Set) (given []givenInfo, refusals []string) {
	given, refusals = []givenInfo{}, []string{}
	sockets, isStale, err := takeover.Inherit(set)
	switch {
	case err != nil:
		refusals = append(refusals, err.Error())
	case set.Server == "":
		refusals = append(refusals, listenfds.Server+" is not set")
	case isStale:
		refusals = append(refusals, "the sockets are not the ones of "+listenfds.Sockets)
	}
	for i, s := range sockets {
		is := socket.DescribeInherited(s.FD)
		given = append(given, givenInfo{passedInfo{firstPlace() + i, infoOf(s)}, is.Text, is.Open, is.Listening, is.Nonblock, is.CloseOnExec})
	}
	return given, refusals
}
