//go:build !bsd

package socket

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/file"
	"github.com/systemfd/systemfd/internal/spec"
)

// RefusesOverlap tells that bind(2) refuses 127.0.0.1:3000 beside every address, if one of them listens.
const RefusesOverlap = true

// MaxPath is the longest path that bind(2) takes, in bytes: sun_path of unix(7) without the NUL behind it.
const MaxPath = 107

func newSocket(family, sotype int) (int, error) {
	return kernel.socket(family, sotype|unix.SOCK_CLOEXEC, 0)
}

// accept leaves the connection in blocking mode, also if the listener is non-blocking.
func accept(fd int) (int, unix.Sockaddr, error) {
	return unix.Accept4(fd, unix.SOCK_CLOEXEC)
}

// These go beyond the system's limit, for privileged users: socket(7).
const (
	hasForce           = true
	forceReceiveBuffer = unix.SO_RCVBUFFORCE
	forceSendBuffer    = unix.SO_SNDBUFFORCE
)

// hasAbstract is true: a unix socket needs no file, unix(7).
const hasAbstract = true

var passCredentials = option(unix.SOL_SOCKET, unix.SO_PASSCRED, 1)

// freeBind is IP_FREEBIND of ip(7), or its counterpart in ipv6(7).
func freeBind(family int) socketOption {
	if family == unix.AF_INET6 {
		return option(unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1)
	}
	return option(unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
}

// checkOverlap has nothing to do: bind(2) refuses an address that overlaps with one at which somebody listens.
func checkOverlap(spec.Opening, int, unix.Sockaddr) error { return nil }

// MaxRights is SCM_MAX_FD of the kernel, the most descriptors that one message carries.
const MaxRights = 253

const (
	recvFlags = unix.MSG_CMSG_CLOEXEC
	noSignal  = unix.MSG_NOSIGNAL
)

// isShutDown reports whether shutdown(2) was called on a unix socket: nobody can connect to it any more, though
// SO_ACCEPTCONN still says that it listens.
func isShutDown(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&unix.POLLRDHUP != 0
}

// waiting asks tcp(7), and sock_diag(7) for unix sockets.
func waiting(fd int) int {
	if info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
		return int(info.Unacked)
	}
	if d, err := diagnoseFD(fd); err == nil && listening(fd) {
		return d.waiting
	}
	return -1
}

// ownFile returns the file that a socket has bound. The kernel knows it even if nothing is at the path any more.
func ownFile(s Socket) (file File, isKnown bool) {
	if s.file != (File{}) {
		return s.file, true
	}
	d, err := diagnoseFD(s.FD)
	return d.file, err == nil
}

// isElsewhere reports whether the file that a socket has bound is on another file system than its path would be. In a chroot(2) or a
// mount namespace we see other directories than the process that opened it. Device numbers come from proc_pid_mountinfo(5), because
// stat(2) has other ones on btrfs. A mount that mountinfo does not list is partly outside of our root.
func isElsewhere(path string, own File) bool {
	var stat unix.Statx_t
	directory := filepath.Dir(path)
	for unix.Statx(unix.AT_FDCWD, directory, 0, unix.STATX_MNT_ID, &stat) != nil && directory != filepath.Dir(directory) {
		directory = filepath.Dir(directory)
	}
	if stat.Mask&unix.STATX_MNT_ID == 0 { // before Linux 5.8
		return false
	}
	mounts, _ := file.Read("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == strconv.FormatUint(stat.Mnt_id, 10) {
			return fields[2] != fmt.Sprintf("%d:%d", unix.Major(own.Device), unix.Minor(own.Device))
		}
	}
	return true
}

// hasOther reports whether another socket than s is bound to its path.
func hasOther(s Socket) bool {
	inode, err := inodeOf(s.FD)
	own := strconv.FormatUint(uint64(inode), 10)
	return err == nil && slices.ContainsFunc(holders(s.Spec), func(inode string) bool { return inode != own })
}
