package socket

import "golang.org/x/sys/unix"

// macOS has no SO_ACCEPTCONN, but tells the state of a TCP socket.
func init() {
	kernel.listensTCP = func(fd int) (bool, error) {
		info, err := unix.GetsockoptTCPConnectionInfo(fd, unix.IPPROTO_TCP, unix.TCP_CONNECTION_INFO)
		const listen = 1 // TCPS_LISTEN of netinet/tcp_fsm.h
		return err == nil && info.State == listen, err
	}
}
