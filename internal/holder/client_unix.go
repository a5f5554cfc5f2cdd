//go:build unix

package holder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// answerTime is how long a client waits for a reply, in seconds: a claim may resolve a host name.
const answerTime = 10

// Claim lets the holder at control hold specs for owner in place of what owner claimed before, and starts it
// where there is none. It returns them as bound, and the holder's process ID.
func Claim(control string, owner int, specs []spec.Spec, o socket.Options) (bound []spec.Spec, pid int, err error) {
	if owner < 1 || owner != initPID && !lives(owner) {
		return nil, 0, &Error{fmt.Sprintf("there is no process %d to own the sockets", owner), "--owner PID names one that lives"}
	}
	wanted, err := wantedTexts(control, specs)
	if err != nil {
		return nil, 0, err
	}
	if bound, pid, err = claimFrom(control, owner, wanted); !errors.Is(err, ErrGone) {
		return bound, pid, err
	}
	unlock, err := lock(control)
	if err != nil {
		return nil, 0, err
	}
	defer unlock()
	if bound, pid, err = claimFrom(control, owner, wanted); !errors.Is(err, ErrGone) { // started meanwhile
		return bound, pid, err
	}
	return startWith(control, owner, specs, wanted, o)
}

// wantedTexts returns specs as a holder, who has another working directory, reads them.
func wantedTexts(control string, specs []spec.Spec) ([]string, error) {
	var texts []string
	for _, s := range specs {
		if s.Path != "" && !s.IsAbstract() {
			s.Path = socket.Absolute(s.Path)
			if filepath.Dir(s.Path) == folderOf(control) {
				return nil, &Error{fmt.Sprintf("cannot open %q: that folder is for the control sockets of holders", s), "take a path in another folder"}
			}
		}
		texts = append(texts, s.String())
	}
	return texts, nil
}

// claimFrom claims from a holder that runs.
func claimFrom(control string, owner int, wanted []string) (bound []spec.Spec, pid int, err error) {
	answer, _, err := ask(control, request{Op: opClaim, Owner: owner, Specs: wanted})
	if err != nil {
		return nil, 0, err
	}
	for _, text := range answer.Specs {
		s, err := spec.Parse(text)
		if err != nil {
			return nil, 0, err
		}
		bound = append(bound, s)
	}
	return bound, answer.State.PID, nil
}

// startWith opens specs and hands them to a new holder. The caller holds the lock.
func startWith(control string, owner int, specs []spec.Spec, wanted []string, o socket.Options) (bound []spec.Spec, pid int, err error) {
	var sockets []socket.Socket
	for _, s := range specs {
		opened, err := openSocket(control, s, o)
		if err != nil {
			discard(sockets)
			return nil, 0, err
		}
		sockets = append(sockets, opened)
		bound = append(bound, opened.Spec)
	}
	pid, err = start(control, owner, wanted, sockets)
	if err != nil {
		discard(sockets)
		return nil, 0, err
	}
	for _, s := range sockets {
		unix.Close(s.FD)
	}
	return bound, pid, nil
}

// openSocket opens s for the holder at control. Where another holder of this user has it, the error says whose.
func openSocket(control string, s spec.Spec, o socket.Options) (socket.Socket, error) {
	opened, err := socket.Open(s, o)
	if !errors.Is(err, unix.EADDRINUSE) {
		return opened, err
	}
	others, _ := filepath.Glob(filepath.Join(folderOf(control), "*.sock"))
	others = slices.DeleteFunc(others, func(other string) bool { return other == control })
	for _, other := range others {
		state, _ := Status(other)
		for _, held := range state.Sockets {
			if is, err := spec.Parse(held.Spec); err == nil && (is.SameSocket(s) || overlaps(is, s)) {
				return socket.Socket{}, &Error{fmt.Sprintf("%s is in use by the holder of %q (pid %d)", s.Address(), state.Folder, state.PID), "let go of it there: systemfd stop"}
			}
		}
	}
	return opened, err
}

func discard(sockets []socket.Socket) {
	for _, s := range sockets {
		s.Close()
	}
}

// Keep starts a holder at control that keeps sockets, which stay open here too, for owner. The paths of the last
// opened of them are its to remove.
func Keep(control string, owner int, sockets []socket.Socket, opened int) error {
	unlock, err := lock(control)
	if err != nil {
		return err
	}
	defer unlock()
	var wanted []string
	for i, s := range sockets {
		if i < len(sockets)-opened {
			wanted = append(wanted, notOurs)
		} else {
			wanted = append(wanted, s.Spec.String())
		}
	}
	_, err = start(control, owner, wanted, sockets)
	return err
}

// lock serialises all who start a holder of this user. It makes the folder again where that has been cleared away.
func lock(control string) (unlock func(), err error) {
	folder := folderOf(control)
	if err := makeFolder(folder); err != nil {
		return nil, err
	}
	return socket.LockFolder(folder)
}

// Release drops the claim of owner; without a holder there is none.
func Release(control string, owner int) error {
	_, _, err := ask(control, request{Op: opRelease, Owner: owner})
	return ignoreGone(err)
}

// Stop ends a holder. It returns ErrGone where there is none.
func Stop(control string) error {
	_, _, err := ask(control, request{Op: opStop})
	return err
}

// Status returns what a holder holds, or ErrGone.
func Status(control string) (State, error) {
	answer, _, err := ask(control, request{Op: opStatus})
	return answer.State, err
}

// Fetch returns copies of held sockets, with FD_CLOEXEC, and which other process than our ancestors, if any, uses
// one of them: O_NONBLOCK, which the copies share, is that one's. Without a holder it returns ErrGone.
func Fetch(control string, specs []spec.Spec) (sockets []socket.Socket, users []User, err error) {
	folder := folderOf(control)
	if _, err := os.Lstat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, ErrGone
	}
	if err := checkFolder(folder, ownerOf(folder)); err != nil {
		return nil, nil, err
	}
	r := request{Op: opFetch}
	for _, s := range specs {
		r.Specs = append(r.Specs, s.String())
	}
	answer, fds, err := ask(control, r)
	if err == nil && len(fds) != len(specs) {
		closeAll(fds)
		err = &Error{fmt.Sprintf("the holder at %q passed %d sockets, not %d", control, len(fds), len(specs)), ""}
	}
	if err != nil {
		return nil, nil, err
	}
	for i, fd := range fds {
		sockets = append(sockets, socket.Socket{FD: fd, Name: specs[i].FDName(), Spec: specs[i]})
	}
	for _, user := range answer.Users {
		if !isAncestor(user.PID) {
			users = append(users, user)
		}
	}
	return sockets, users, nil
}

// isAncestor reports whether pid started us, however indirectly: a launcher, no server.
func isAncestor(pid int) bool {
	for at := os.Getppid(); at > initPID; at = parentOf(at) {
		if at == pid {
			return true
		}
	}
	return false
}

func ignoreGone(err error) error {
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}

// ask sends a request and returns the reply with its descriptors.
func ask(control string, r request) (reply, []int, error) {
	fd, err := connect(control)
	if err != nil {
		return reply{}, nil, err
	}
	defer unix.Close(fd)
	r.Protocol, r.Client = protocol, os.Getpid()
	text, err := json.Marshal(r)
	if err == nil {
		err = send(fd, append(text, '\n'))
	}
	if err != nil {
		return reply{}, nil, gone(control, err)
	}
	answer, fds, err := receive(fd)
	switch {
	case err != nil:
		closeAll(fds)
		return reply{}, nil, gone(control, err)
	case answer.Ending:
		return reply{}, nil, ErrGone
	case answer.Error != "":
		closeAll(fds)
		return reply{}, nil, &Error{answer.Error, answer.Hint}
	}
	return answer, fds, nil
}

// connect connects to a holder of ours, with plain system calls: package net's poller would take low descriptors.
func connect(control string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	unix.CloseOnExec(fd)
	timeout := unix.Timeval{Sec: answerTime}
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout)
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout)
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: control})
	for errors.Is(err, unix.EINTR) { // while its queue is full
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: control})
	}
	if err == nil {
		var uid int
		if uid, err = peerUID(fd); err == nil && uid != 0 && uid != ownerOf(folderOf(control)) {
			err = &Error{fmt.Sprintf("the holder at %q is another user's (uid %d)", control, uid), "unset SYSTEMFD_HOLDER"}
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, gone(control, err)
	}
	return fd, nil
}

// gone turns what a dead or ending holder looks like into ErrGone.
func gone(control string, err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE), errors.Is(err, errEOF):
		return ErrGone
	case errors.Is(err, unix.EAGAIN):
		return &Error{fmt.Sprintf("the holder at %q does not answer", control), "end it (its pid is the owner of that socket), and start again"}
	}
	return &Error{fmt.Sprintf("cannot talk to the holder at %q: %v", control, err), ""}
}

func send(fd int, text []byte) error {
	for len(text) > 0 {
		n, err := unix.Write(fd, text)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		text = text[max(n, 0):]
	}
	return nil
}

var errEOF = errors.New("end of file")

// receive reads a line of JSON and then as many descriptors as it says.
func receive(fd int) (answer reply, fds []int, err error) {
	var text []byte
	buf, oob := make([]byte, 1<<16), make([]byte, unix.CmsgSpace(4*maxRights))
	for complete := false; !complete || len(fds) < answer.Descriptors; {
		n, oobn, flags, _, err := unix.Recvmsg(fd, buf, oob, recvFlags)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return answer, fds, err
		case n == 0:
			return answer, fds, errEOF
		}
		got, err := parseRights(oob[:oobn])
		fds = append(fds, got...)
		if err != nil {
			return answer, fds, err
		}
		if flags&unix.MSG_CTRUNC != 0 {
			return answer, fds, &Error{"cannot take the sockets: too many open files", "raise the limit of open files: ulimit -n"}
		}
		if complete {
			continue
		}
		text = append(text, buf[:n]...)
		line, _, found := bytes.Cut(text, []byte("\n"))
		if complete = found; found {
			if err := json.Unmarshal(line, &answer); err != nil {
				return answer, fds, err
			}
		}
	}
	return answer, fds, nil
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
