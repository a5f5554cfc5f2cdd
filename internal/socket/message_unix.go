//go:build unix

package socket

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Dial connects to the unix stream socket at path. It does not wait: if the queue is full, the error is EAGAIN, on macOS and the BSDs
// ECONNREFUSED, the same as for a dead socket. The descriptor has FD_CLOEXEC and O_NONBLOCK.
func Dial(path string) (fd int, err error) {
	fd, err = newSocket(unix.AF_UNIX, unix.SOCK_STREAM)
	if err != nil {
		return -1, err
	}
	if err = unix.SetNonblock(fd, true); err == nil {
		err = kernel.connect(fd, &unix.SockaddrUnix{Name: path})
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Send writes text to a connected unix socket, with copies of the descriptors fds: SCM_RIGHTS of unix(7). At most
// MaxRights of them go with one message. It may write less than all of text.
func Send(fd int, text []byte, fds []int) (n int, err error) {
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	return kernel.sendmsg(fd, text, rights, nil, noSignal)
}

// Receive reads a message from a connected unix socket into buf, and the descriptors that came with it. These get FD_CLOEXEC. The
// caller closes them, also after an error. The error is EMFILE if there is no room for all of them, recvmsg(2).
func Receive(fd int, buf []byte) (n int, fds []int, err error) {
	oob := make([]byte, unix.CmsgSpace(4*MaxRights))
	n, oobn, flags, _, err := kernel.recvmsg(fd, buf, oob, recvFlags)
	switch {
	case errors.Is(err, unix.EMSGSIZE): // macOS and the BSDs
		return 0, nil, unix.EMFILE
	case err != nil:
		return 0, nil, err
	}
	fds, err = parseRights(oob[:oobn])
	if err == nil && flags&unix.MSG_CTRUNC != 0 {
		err = unix.EMFILE // some were lost
	}
	return n, fds, err
}

// parseRights returns the descriptors of SCM_RIGHTS, unix(7), with FD_CLOEXEC.
func parseRights(oob []byte) (fds []int, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		got, err := unix.ParseUnixRights(&m)
		if err != nil {
			return fds, err
		}
		fds = append(fds, got...)
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
	}
	return fds, nil
}

// CloseAll closes descriptors.
func CloseAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
