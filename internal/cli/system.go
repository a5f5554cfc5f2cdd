package cli

import "github.com/systemfd/systemfd/internal/handoff"

// checkSystem refuses what needs descriptors on a system on which COMMAND asks for its sockets. What --hold is for is so there anyway:
// the sockets stay open for as long as COMMAND lives. And nobody asks for LISTEN_PID.
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
			return superfluous("--"+flag.name+" passes descriptors, and this system has none to pass", "--proxy is for servers that know only a port", flag.name)
		}
	}
	return nil
}
