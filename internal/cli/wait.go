package cli

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/systemfd/systemfd/internal/socket"
)

// endings are the signals by which a user or a supervisor ends us while we wait.
var endings = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// notifyEndings delivers endings that are not ignored to a channel.
func notifyEndings() chan os.Signal {
	signals := make(chan os.Signal, 1)
	for _, s := range endings {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	return signals
}

// dieOf ends this process by a signal, as it would have without us waiting for it.
func dieOf(s os.Signal) {
	if s == syscall.SIGQUIT { // the Go runtime's answer would be a stack trace: end as a shell says it
		os.Exit(128 + int(syscall.SIGQUIT))
	}
	signal.Reset(s)
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(s)
	}
	if err != nil {
		os.Exit(exitFailed)
	}
	select {} // the signal may take a moment
}

// waitForTraffic waits until a connection or a datagram arrives on any of sockets, and takes nothing from it. One of
// signals that ends us meanwhile leaves nothing behind.
func waitForTraffic(sockets []socket.Socket, signals chan os.Signal, cleanUp func()) error {
	arrived := make(chan error, 1)
	go func() { arrived <- socket.Wait(sockets) }()
	var s os.Signal
	select {
	case s = <-signals:
	case err := <-arrived:
		signal.Stop(signals)
		select {
		case s = <-signals: // it has come together with the traffic
		default:
			return err
		}
	}
	cleanUp()
	dieOf(s)
	return nil
}
