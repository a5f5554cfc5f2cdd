package process

import "golang.org/x/sys/unix"

// look asks kern.proc.pid of sysctl(3). What the system does not tell is zero.
func look(pid int) (name string, parent int, isZombie bool) {
	info, _ := unix.SysctlRaw("kern.proc.pid", pid)
	return freebsdLayout.read(info, pid)
}

// peer asks LOCAL_PEERCRED of unix(4). FreeBSD 13 and later tell the pid too, but x/sys does not pass it on.
func peer(fd int) (pid, uid int, err error) {
	const solLocal = 0 // SOL_LOCAL of sys/un.h
	cred, err := unix.GetsockoptXucred(fd, solLocal, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, -1, err
	}
	return Unknown, int(cred.Uid), nil
}
