package process

import "golang.org/x/sys/unix"

// look asks KERN_PROC of sysctl(2) for one process. What the system does not tell is zero.
func look(pid int) (name string, parent int, isZombie bool) {
	const byPID = 1 // KERN_PROC_PID
	info, _ := unix.SysctlRaw("kern.proc", byPID, pid, openbsdLayout.size, 1)
	return openbsdLayout.read(info, pid)
}
