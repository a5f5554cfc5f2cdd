package process

import "golang.org/x/sys/unix"

// look asks kern.proc.pid of sysctl(3). What the system does not tell is zero.
func look(pid int) (name string, parent int, isZombie bool) {
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return "", 0, false
	}
	const zombie = 5 // SZOMB of sys/proc.h
	return unix.ByteSliceToString(p.Proc.P_comm[:]), int(p.Eproc.Ppid), p.Proc.P_stat == zombie
}

// peer asks LOCAL_PEERCRED and LOCAL_PEERPID of unix(4).
func peer(fd int) (pid, uid int, err error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, -1, err
	}
	pid, err = unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID)
	if err != nil {
		return 0, -1, err
	}
	return pid, int(cred.Uid), nil
}
