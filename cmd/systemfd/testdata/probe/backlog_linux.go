package main

import "golang.org/x/sys/unix"

// backlog returns the length of a TCP listener's queue, -1 if fd is none: Linux says it in a field of
// tcp_info that means something else on a connection.
func backlog(fd int) int {
	if accept, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || accept == 0 {
		return -1
	}
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return -1
	}
	return int(info.Sacked)
}
