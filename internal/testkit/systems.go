package testkit

import "runtime"

// What the systems have.
const (
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
