package testkit

import "runtime"

// What the systems have, beside what internal/socket and internal/process make of it.
const (
	// HasNames: the system tells what a process is called, and who its parent is.
	HasNames = runtime.GOOS == "linux" || runtime.GOOS == "darwin" || runtime.GOOS == "freebsd"
	// HasPeers: it tells the process at the other end of a unix socket.
	HasPeers = runtime.GOOS == "linux" || runtime.GOOS == "darwin"
	// HasSeqPacket: unix seqpacket sockets.
	HasSeqPacket = runtime.GOOS != "darwin" && runtime.GOOS != "windows"
	// HasDualStack: one socket for every address, of IPv4 and of IPv6.
	HasDualStack = runtime.GOOS != "openbsd" && runtime.GOOS != "dragonfly"
)

// Clients returns how many clients may wait for a server that is absent: a queue has no more than 128 places but on Linux.
func Clients(number int) int {
	if runtime.GOOS == "linux" {
		return number
	}
	return min(number, 100)
}
