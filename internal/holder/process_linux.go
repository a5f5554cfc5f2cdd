package holder

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// watchProcess waits on a pidfd, which is readable once the process has ended: pidfd_open(2), Linux 5.3. It is
// opened non-blocking (5.10), so that the runtime's poller waits and no thread does.
func watchProcess(pid int, ended func()) (*watched, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	go func() {
		hasEnded := false
		raw.Read(func(fd uintptr) bool {
			hasEnded = isReadable(fd)
			return hasEnded
		})
		if hasEnded {
			ended()
		}
	}()
	alive := func() bool {
		alive := false
		raw.Control(func(fd uintptr) { alive = !isReadable(fd) })
		return alive
	}
	return &watched{pid, alive, func() { f.Close() }}, nil
}

func isReadable(fd uintptr) bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return n > 0
}

// lives reports whether a process runs. One that has ended does not, though kill(2) finds it until its parent has waited.
func lives(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err != unix.ESRCH
	}
	defer unix.Close(fd)
	return !isReadable(uintptr(fd))
}

// processName returns the name of a process as ps(1) shows it, "" where it is gone.
func processName(pid int) string {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(name))
}

// parentOf returns the parent of a process, 0 where there is none: field 4 of /proc/PID/stat, proc(5).
func parentOf(pid int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	afterName := string(text[strings.LastIndexByte(string(text), ')')+1:])
	fields := strings.Fields(afterName) // state, parent, ...
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}

// peerUID returns the user at the other end: SO_PEERCRED of unix(7).
func peerUID(fd int) (int, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return int(cred.Uid), nil
}

// waiting returns how many connections wait in the queue of a TCP listener, -1 of another socket: tcp(7).
func waiting(fd int) int {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return -1
	}
	return int(info.Unacked)
}

// PIDFDID returns what LISTEN_PIDFDID says of this process, the inode of its pidfd, "" where pidfds have none of
// their own: before Linux 6.9.
func PIDFDID() string {
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
