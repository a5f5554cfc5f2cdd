//go:build unix

package process

// Unknown is what Peer says of a process if the system does not tell.
const Unknown = -1

// Peer returns the process and the user at the other end of a connected unix socket. A pid of 0 is outside of our pid
// namespace; on a system that does not tell it is Unknown.
func Peer(fd int) (pid, uid int, err error) { return peer(fd) }
