package child

import (
	"os"

	"github.com/systemfd/systemfd/internal/handoff"
)

func init() {
	platform = &system{hasRoom: hasRoom, start: start, signal: kill, waitForAny: waitForAny, hasSent: hasSent}
}

// hasRoom says yes: handles are not short.
func hasRoom(int) error { return nil }

// ended is a child that has.
type ended struct {
	pid int
	Status
	err error
}

var ends = make(chan ended)

// start gives the child our standard streams.
func start(c Command) (pid int, err error) {
	p, err := handoff.Start(c.File, c.Argv, c.Environ)
	if err != nil {
		return 0, err
	}
	go func() {
		state, err := p.Wait()
		if err != nil {
			ends <- ended{pid: p.Pid, err: err}
			return
		}
		ends <- ended{pid: p.Pid, Status: Status{Code: state.ExitCode()}}
	}()
	return p.Pid, nil
}

func waitForAny() (pid int, end Status, err error) {
	e := <-ends
	return e.pid, e.Status, e.err
}

// kill ends a child, whatever the signal: there is no other.
func kill(pid int, _ os.Signal) {
	if p, err := os.FindProcess(pid); err == nil {
		p.Kill()
		p.Release()
	}
}

// hasSent says yes: the console sends Ctrl-C, Ctrl-Break and its own end to all of its processes.
func hasSent(os.Signal) bool { return true }
