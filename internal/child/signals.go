// Package child starts children, passes signals on to them, and waits for their end. It also ends this process by a signal, and
// tells a service manager that this process is ready.
package child

import (
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/systemfd/systemfd/internal/handoff"
)

// endings are the signals by which a user or a supervisor ends us while we stay.
var endings = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// Endings delivers the signals that should end this process to a channel, except ignored ones.
func Endings() chan os.Signal {
	signals := make(chan os.Signal, 1)
	for _, s := range endings {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	return signals
}

// DieOf ends this process by a signal. If that is not possible, it exits with 128 plus the number, as a shell does: process 1 has
// no default actions, and the Go runtime handles some signals in its own way.
func DieOf(s os.Signal) {
	handoff.WriteCounters()
	number, _ := s.(syscall.Signal)
	if !slices.Contains(deadly, number) || os.Getpid() == 1 {
		os.Exit(128 + int(number))
	}
	signal.Reset(s)
	if self, err := os.FindProcess(os.Getpid()); err != nil || self.Signal(s) != nil {
		os.Exit(128 + int(number))
	}
	select {} // the signal may take a moment
}

// deadly are the signals that end a Go program silently. It ignores the others, or prints a stack trace.
var deadly = []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL}

// End ends this process as a child has ended.
func (s Status) End() {
	if s.Signal != 0 {
		DieOf(s.Signal)
	}
	os.Exit(s.Code)
}
