package holder

import "golang.org/x/sys/unix"

// peerUID returns the user at the other end: LOCAL_PEERCRED of unix(4).
func peerUID(fd int) (int, error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(cred.Uid), nil
}

// parentOf returns the parent of a process, 0 where there is none: kern.proc.pid of sysctl(3).
func parentOf(pid int) int {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return 0
	}
	return int(info.Eproc.Ppid)
}
