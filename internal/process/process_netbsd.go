package process

import "golang.org/x/sys/unix"

// look asks KERN_PROC2 of sysctl(7) for one process. What the system does not tell is zero.
func look(pid int) (name string, parent int, isZombie bool) {
	const byPID = 1 // KERN_PROC_PID
	info, _ := unix.SysctlRaw("kern.proc2", byPID, pid, netbsdLayout.size, 1)
	return netbsdLayout.read(info, pid)
}
