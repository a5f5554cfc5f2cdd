//go:build unix

package holder

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
)

// detached tells the second start of the two that make a process of its own: its parent has ended.
const detached = "--detached"

// notOurs stands for the specification of a socket that was handed to us: its path is not ours to remove.
const notOurs = "-"

// start starts a holder that keeps sockets, which owner asked for as wanted, and returns its process ID once it
// answers. The caller holds the lock, and has found no holder at control.
func start(control string, owner int, wanted []string, sockets []socket.Socket) (pid int, err error) {
	listener, err := listen(control)
	if err != nil {
		return 0, err
	}
	dir, err := workingDir()
	if err == nil {
		err = spawn(control, dir, owner, wanted, sockets, listener)
	}
	unix.Close(listener) // from here on a dead holder is a refused connection
	if err == nil {
		var state State
		if state, err = Status(control); err == nil {
			return state.PID, nil
		}
	}
	unix.Unlink(control)
	e := &Error{Text: fmt.Sprintf("cannot start a holder: %v", err)}
	var reason *Error
	if errors.As(err, &reason) {
		e.Remedy = reason.Remedy
	}
	return 0, e
}

// listen opens the control socket, in place of what a dead holder left.
func listen(control string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	unix.CloseOnExec(fd)
	address := &unix.SockaddrUnix{Name: control}
	err = unix.Bind(fd, address)
	if errors.Is(err, unix.EADDRINUSE) && unix.Unlink(control) == nil {
		err = unix.Bind(fd, address)
	}
	if err == nil {
		err = unix.Listen(fd, 128)
	}
	if err != nil {
		unix.Close(fd)
		return -1, &Error{fmt.Sprintf("cannot make control socket %q: %v", control, err), "set XDG_RUNTIME_DIR to a folder of yours that can be written to"}
	}
	return fd, nil
}

// spawn starts this program again as the holder, with the control socket at descriptor 3 and the sockets from 4
// on by LISTEN_FDS. It waits for the first of two starts: the second is then nobody's child, and not ours in
// particular, who will be the command.
func spawn(control, dir string, owner int, wanted []string, sockets []socket.Socket, listener int) error {
	set := listenfds.Set{First: listenfds.Start + 1, Count: len(sockets)}
	argv := []string{"systemfd", Command, control, dir, strconv.Itoa(owner)}
	fds := []uintptr{uintptr(listener)}
	for _, s := range sockets {
		set.Names, set.Specs = append(set.Names, s.Name), append(set.Specs, s.Spec.String())
		fds = append(fds, uintptr(s.FD))
	}
	argv = append(argv, wanted...)
	pid, err := startSelf(argv, listenfds.Environ(os.Environ(), set), fds)
	if err != nil {
		return err
	}
	var status unix.WaitStatus
	for {
		_, err = unix.Wait4(pid, &status, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err == nil && status != 0 {
		err = fmt.Errorf("it ended with status %d", status.ExitStatus())
	}
	return err
}

// startSelf starts this program in a session of its own, in / and with its standard streams on /dev/null, so that
// it keeps no terminal, no pipe of a $(...) and no mount busy.
func startSelf(argv, environ []string, fds []uintptr) (pid int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(null)
	files := append([]uintptr{uintptr(null), uintptr(null), uintptr(null)}, fds...)
	return syscall.ForkExec(self, argv, &syscall.ProcAttr{Dir: "/", Env: environ, Files: files, Sys: &syscall.SysProcAttr{Setsid: true}})
}

// Main is the hidden command: the arguments behind its name are CONTROL FOLDER OWNER WANTED..., and in front of
// them --detached the second time. It returns the exit status.
func Main(args []string) int {
	second := len(args) > 0 && args[0] == detached
	if second {
		args = args[1:]
	}
	if len(args) < 3 {
		return 2
	}
	owner, err := strconv.Atoi(args[2])
	if err != nil {
		return 2
	}
	if !second {
		err = startDetached(args)
	} else {
		err = serve(args[0], args[1], owner, args[3:])
	}
	if err != nil {
		return 1
	}
	return 0
}

// startDetached starts the holder proper with the descriptors that it is to have, and none that leaked into us.
func startDetached(args []string) error {
	fds := []uintptr{}
	for i := range len(args) - 2 { // the control socket and one for each WANTED
		fds = append(fds, uintptr(listenfds.Start+i))
	}
	closeOnExecFrom(listenfds.Start + len(fds))
	_, err := startSelf(append([]string{"systemfd", Command, detached}, args...), os.Environ(), fds)
	return err
}

// closeOnExecFrom marks what is open from first on. /dev/fd lists it: on Linux and macOS wholly, on FreeBSD with
// fdescfs(5) mounted.
func closeOnExecFrom(first int) {
	entries, _ := os.ReadDir("/dev/fd")
	for _, entry := range entries {
		if fd, err := strconv.Atoi(strings.TrimSpace(entry.Name())); err == nil && fd >= first {
			unix.CloseOnExec(fd)
		}
	}
}
