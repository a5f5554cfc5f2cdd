package cli

import (
	"os"
	"os/signal"

	"github.com/systemfd/systemfd/internal/child"
	"github.com/systemfd/systemfd/internal/socket"
)

// waitForTraffic waits until a connection or a datagram arrives on any of sockets, and leaves it in the queue. If one of signals ends
// us meanwhile, cleanUp runs.
func waitForTraffic(sockets []socket.Socket, signals chan os.Signal, cleanUp func()) error {
	arrived := make(chan error, 1)
	go func() { arrived <- socket.Wait(sockets) }()
	var s os.Signal
	select {
	case s = <-signals:
	case err := <-arrived:
		signal.Stop(signals)
		select {
		case s = <-signals: // it came together with the traffic
		default:
			return err
		}
	}
	cleanUp()
	child.DieOf(s)
	return nil
}
