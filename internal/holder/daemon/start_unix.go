//go:build unix

package daemon

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/lowfds"
)

// detached marks the second of the two starts that detach a holder: its parent has ended.
const detached = "--detached"

// Start starts a holder in the background, with the open control socket. Directory is the working directory of its first client.
// Start waits for the first of two starts. The second is then nobody's child. It must not be a child of this process, which will
// become the command.
func Start(listener int, control, directory string) error {
	pid, err := startSelf([]string{Command, control, directory}, listener)
	if err != nil {
		return fmt.Errorf("cannot start a holder: %w", err)
	}
	var status unix.WaitStatus
	for {
		_, err = unix.Wait4(pid, &status, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	switch {
	case err != nil:
	case status.ExitStatus() == exitShort:
		err = unix.EMFILE
	case status.Signaled():
		err = fmt.Errorf("systemfd %s was ended by %s", Command, unix.SignalName(status.Signal()))
	case status != 0:
		err = fmt.Errorf("systemfd %s ended with status %d", Command, status.ExitStatus())
	}
	if err != nil {
		return fmt.Errorf("cannot start a holder: %w", err)
	}
	return nil
}

// startSelf starts this program in a session of its own, with the control socket at descriptor 3. Its working directory
// is / and its standard streams are /dev/null, so that it keeps no terminal, no pipe of a $(...) and no mount busy.
func startSelf(args []string, listener int) (pid int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(null)
	return syscall.ForkExec(self, append([]string{self}, args...), &syscall.ProcAttr{
		Dir:   "/",
		Env:   listenfds.Environ(os.Environ(), listenfds.Set{}),
		Files: []uintptr{uintptr(null), uintptr(null), uintptr(null), uintptr(listener)},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
}

// Main is the hidden command: the arguments behind its name are CONTROL DIRECTORY, and in front of them --detached
// the second time. It returns the exit status.
func Main(args []string) int {
	second := len(args) > 0 && args[0] == detached
	if second {
		args = args[1:]
	}
	if len(args) != 2 {
		return 2
	}
	var err error
	if second {
		lowfds.Release(func(fd int) { unix.Close(fd) })
		err = serve(listenfds.Start, args[0], args[1])
	} else {
		closeOnExecFrom(listenfds.Start + 1) // descriptors that leaked into us
		_, err = startSelf(append([]string{Command, detached}, args...), listenfds.Start)
	}
	switch {
	case errors.Is(err, unix.EMFILE):
		return exitShort
	case err != nil:
		return 1
	}
	return 0
}

// exitShort is the exit status of a holder that lacks descriptors.
const exitShort = 3

// closeOnExecFrom sets FD_CLOEXEC on the open descriptors from first on. It lists them in /dev/fd, which is complete on Linux and
// macOS, and on FreeBSD if fdescfs(5) is mounted.
func closeOnExecFrom(first int) {
	entries, _ := os.ReadDir("/dev/fd")
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd >= first {
			unix.CloseOnExec(fd)
		}
	}
}
