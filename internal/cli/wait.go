package cli

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/systemfd/systemfd/internal/socket"
)

// endings are the signals by which a user or a supervisor ends us while we wait.
var endings = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

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

// waitForTraffic waits until a connection or a datagram arrives on any of sockets, and takes nothing from it. A
// signal that ends us meanwhile leaves nothing behind.
func waitForTraffic(sockets []socket.Socket, cleanUp func()) error {
	signals := notifyEndings()
	defer signal.Stop(signals)
	go func() {
		if s, ok := <-signals; ok {
			cleanUp()
			dieOf(s)
		}
	}()
	return socket.Wait(sockets)
}
