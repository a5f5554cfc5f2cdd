package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// options prints a line per passed descriptor: what getsockopt(2) says about it, and the mode of its path and directory.
func options() {
	for fd := 3; ; fd++ {
		domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil {
			return
		}
		line := fmt.Sprintf("domain=%d", domain)
		get := func(name string, level, opt int) {
			if value, err := unix.GetsockoptInt(fd, level, opt); err == nil {
				line += fmt.Sprintf(" %s=%d", name, value)
			}
		}
		get("type", unix.SOL_SOCKET, unix.SO_TYPE)
		get("protocol", unix.SOL_SOCKET, unix.SO_PROTOCOL)
		get("listening", unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		get("rcvbuf", unix.SOL_SOCKET, unix.SO_RCVBUF)
		get("sndbuf", unix.SOL_SOCKET, unix.SO_SNDBUF)
		get("reuseport", unix.SOL_SOCKET, unix.SO_REUSEPORT)
		if domain == unix.AF_UNIX {
			get("passcred", unix.SOL_SOCKET, unix.SO_PASSCRED)
		} else {
			get("keepalive", unix.SOL_SOCKET, unix.SO_KEEPALIVE)
			get("broadcast", unix.SOL_SOCKET, unix.SO_BROADCAST)
			get("nodelay", unix.IPPROTO_TCP, unix.TCP_NODELAY)
			get("freebind", unix.IPPROTO_IP, unix.IP_FREEBIND)
			get("v6only", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
		}
		if n := backlog(fd); n >= 0 {
			line += fmt.Sprintf(" backlog=%d", n)
		}
		line += " address=" + address(fd)
		if info, err := os.Stat(address(fd)); err == nil {
			line += fmt.Sprintf(" mode=%04o", info.Mode().Perm())
		}
		fmt.Println(line)
	}
}
