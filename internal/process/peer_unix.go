//go:build unix

package process

// Unknown is the process ID that Peer returns if the system does not tell.
const Unknown = -1

// Peer returns the process and the user at the other end of a connected unix socket. The pid is 0 if the process is outside of our pid
// namespace, and Unknown if the system does not tell.
func Peer(fd int) (pid, uid int, err error) { return peer(fd) }
