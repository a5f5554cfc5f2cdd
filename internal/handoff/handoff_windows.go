package handoff

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/share"
)

// PassesDescriptors is false: the command asks for its sockets.
const PassesDescriptors = false

// Reserve has nothing to do: the command asks for the sockets.
func Reserve(environ []string, _ int) ([]string, error) { return environ, nil }

// Become starts the command, gives the sockets to whoever knows the secret that it gets, and ends as it does. Ctrl-C and Ctrl-Break
// go to all processes of the console: they are the command's. Become returns only if the command cannot be run.
func Become(c Command) error {
	set := c.Set
	if set.Server == "" && len(c.Sockets) > 0 {
		server, secret, err := share.Serve(handles(c.Sockets))
		if err != nil {
			return err
		}
		defer server.Close()
		set.Server, set.Secret = server.Address, secret
	} else {
		share.Close(handles(c.Sockets)) // who passes them on already has them
	}
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM)
	child, err := Start(c.File, c.Argv, listenfds.Environ(c.Environ, set))
	if err != nil {
		return &ExecError{c.Argv[0], err}
	}
	state, err := child.Wait()
	if err != nil {
		return err
	}
	LeaveJob()
	WriteCounters()
	os.Exit(state.ExitCode())
	return nil
}

func handles(sockets []Socket) (all []int) {
	for _, s := range sockets {
		all = append(all, s.FD)
	}
	return all
}
