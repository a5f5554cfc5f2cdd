package process

import "golang.org/x/sys/unix"

// look asks kern.proc.pid of sysctl(3). What the system does not tell is zero.
func look(pid int) (name string, parent int, isZombie bool) {
	info, _ := unix.SysctlRaw("kern.proc.pid", pid)
	return dragonflyLayout.read(info, pid)
}
