package process

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// look asks kern.proc.pid of sysctl(3). The answer is a struct kinfo_proc of sys/user.h, which x/sys does not have.
// What the system does not tell is zero.
func look(pid int) (name string, parent int, isZombie bool) {
	// The layout of 64-bit systems. It is part of FreeBSD's ABI: KINFO_PROC_SIZE is checked when the kernel is built.
	const (
		size       = 1088
		pidAt      = 72
		parentAt   = 76
		stateAt    = 388
		nameAt     = 447
		nameLength = 20
		zombie     = 5 // SZOMB of sys/proc.h
	)
	p, err := unix.SysctlRaw("kern.proc.pid", pid)
	if err != nil || len(p) != size || number(p[pidAt:]) != pid {
		return "", 0, false
	}
	return unix.ByteSliceToString(p[nameAt : nameAt+nameLength]), number(p[parentAt:]), p[stateAt] == zombie
}

// number reads a pid_t.
func number(b []byte) int { return int(int32(binary.NativeEndian.Uint32(b))) }

// peer asks LOCAL_PEERCRED of unix(4). FreeBSD 13 and later tell the pid too, but x/sys does not pass it on.
func peer(fd int) (pid, uid int, err error) {
	const solLocal = 0 // SOL_LOCAL of sys/un.h
	cred, err := unix.GetsockoptXucred(fd, solLocal, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, -1, err
	}
	return Unknown, int(cred.Uid), nil
}
