package process

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/file"
)

// look reads /proc/PID/stat: "12 (bash) S 1 ...", see proc_pid_stat(5). A name may contain parentheses and spaces.
// What the system does not tell is zero.
func look(pid int) (name string, parent int, isZombie bool) {
	text, _ := file.Read(fmt.Sprintf("/proc/%d/stat", pid))
	stat := string(text)
	first, last := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if first < 0 || last < first {
		return "", 0, false
	}
	name = stat[first+1 : last]
	if fields := strings.Fields(stat[last+1:]); len(fields) > 1 {
		isZombie = fields[0] == "Z"
		parent, _ = strconv.Atoi(fields[1])
	}
	return name, parent, isZombie
}

// isAlive asks a pidfd, which needs no /proc. Without a pidfd (before Linux 5.3, or without a free descriptor) it asks kill(2), which
// also finds zombies.
func isAlive(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	switch err {
	case nil:
		defer unix.Close(fd)
		return !hasEnded(fd)
	case unix.ESRCH:
		return false
	}
	_, _, isZombie := look(pid)
	return unix.Kill(pid, 0) != unix.ESRCH && !isZombie
}

// peer asks SO_PEERCRED of unix(7).
func peer(fd int) (pid, uid int, err error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, -1, err
	}
	if cred.Uid == math.MaxUint32 { // the kernel's answer for a socket without a peer
		return 0, -1, unix.ENOTCONN
	}
	return int(cred.Pid), int(cred.Uid), nil
}

func pidfdID() string {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	var fs unix.Statfs_t
	const pidfs = 0x50494446 // PID_FS_MAGIC of linux/magic.h
	if unix.Fstat(fd, &stat) != nil || unix.Fstatfs(fd, &fs) != nil || fs.Type != pidfs {
		return ""
	}
	return strconv.FormatUint(stat.Ino, 10)
}
