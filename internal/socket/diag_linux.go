package socket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/file"
)

// diagnosis is what the kernel says of a unix socket.
type diagnosis struct {
	file    File // that was bound, the zero File of an abstract name
	waiting int  // connections in the queue of a listener
}

// unixDiagRequest is struct unix_diag_req of linux/unix_diag.h, behind its struct nlmsghdr, netlink(7).
type unixDiagRequest struct {
	header unix.NlMsghdr

	family, _ uint8
	_         uint16
	states    uint32
	inode     uint32
	show      uint32
	cookie    [2]uint32
}

// Parts of linux/unix_diag.h.
const (
	showVFS, showQueue = 1 << 1, 1 << 4 // in a request
	vfs, queue         = 1, 4           // attributes of the answer
	answerSize         = 16             // struct unix_diag_msg
	noCookie           = ^uint32(0)
)

// inodeOf returns the number by which the kernel knows a socket, as in /proc/PID/fd.
func inodeOf(fd int) (uint32, error) {
	var stat unix.Stat_t
	err := unix.Fstat(fd, &stat)
	return uint32(stat.Ino), err
}

// diagnose asks sock_diag(7) for one unix socket, which takes no privilege.
func diagnose(inode uint32) (d diagnosis, err error) {
	request := unixDiagRequest{
		header: unix.NlMsghdr{Type: unix.SOCK_DIAG_BY_FAMILY, Flags: unix.NLM_F_REQUEST},
		family: unix.AF_UNIX, states: ^uint32(0), inode: inode, show: showVFS | showQueue, cookie: [2]uint32{noCookie, noCookie},
	}
	request.header.Len = uint32(binary.Size(request))
	answer, err := askKernel(request)
	if err != nil {
		return d, err
	}
	for len(answer) >= unix.SizeofRtAttr {
		length, kind := int(binary.NativeEndian.Uint16(answer)), binary.NativeEndian.Uint16(answer[2:])
		if length < unix.SizeofRtAttr || length > len(answer) {
			break
		}
		if value := answer[unix.SizeofRtAttr:length]; len(value) >= 8 {
			d.add(kind, binary.NativeEndian.Uint32(value), binary.NativeEndian.Uint32(value[4:]))
		}
		answer = answer[min(len(answer), (length+3)&^3):]
	}
	return d, nil
}

// diagnoseFD is diagnose of an open socket.
func diagnoseFD(fd int) (diagnosis, error) {
	inode, err := inodeOf(fd)
	if err != nil {
		return diagnosis{}, err
	}
	return diagnose(inode)
}

// add notes an attribute of two numbers.
func (d *diagnosis) add(kind uint16, first, second uint32) {
	switch kind {
	case vfs: // the kernel's device number has 20 bits for the minor one
		d.file = File{Device: unix.Mkdev(second>>20, second&(1<<20-1)), Inode: uint64(first)}
	case queue:
		d.waiting = int(first)
	}
}

// askKernel returns the attributes of the one answer.
func askKernel(request unixDiagRequest) ([]byte, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var text bytes.Buffer
	if err := binary.Write(&text, binary.NativeEndian, request); err != nil {
		return nil, err
	}
	if err := unix.Sendto(fd, text.Bytes(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	switch {
	case err != nil:
		return nil, err
	case n < unix.SizeofNlMsghdr+answerSize, binary.NativeEndian.Uint16(answer[4:]) != unix.SOCK_DIAG_BY_FAMILY:
		return nil, errors.New("no such socket")
	}
	return answer[unix.SizeofNlMsghdr+answerSize : n], nil
}

// ownFile returns the file that a socket has bound. The kernel knows it even if nothing is at the path any more.
func ownFile(s Socket) (file File, isKnown bool) {
	if s.file != (File{}) {
		return s.file, true
	}
	d, err := diagnoseFD(s.FD)
	return d.file, err == nil
}

// isElsewhere reports whether the file that a socket has bound is on another file system than its path would be: in a
// chroot(2) or a mount namespace we see other directories than those who opened it. Device numbers are mountinfo's, see
// proc_pid_mountinfo(5): those of stat(2) are others on btrfs. A mount that mountinfo does not list is partly outside of our root.
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
