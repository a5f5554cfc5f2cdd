package socket

import (
	"bytes"
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// diagnosis is what the kernel says about a unix socket.
type diagnosis struct {
	file    File // that was bound; the zero File for an abstract name
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

// inodeOf returns the inode number of a socket, as in /proc/PID/fd.
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
	case vfs: // the kernel's device number has 20 bits for the minor number
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
