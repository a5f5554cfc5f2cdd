package process

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/windows"
)

// look takes the name of the program, without .exe. A parent that has ended does not count: another process may have its number.
func look(pid int) (name string, parent int, isZombie bool) {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return "", 0, false
	}
	defer windows.CloseHandle(snapshot)
	entry := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snapshot, &entry); err == nil; err = windows.Process32Next(snapshot, &entry) {
		if int(entry.ProcessID) != pid {
			continue
		}
		name, parent = windows.UTF16ToString(entry.ExeFile[:]), int(entry.ParentProcessID)
		if started := startOf(parent); started == 0 || started > startOf(pid) {
			parent = 0
		}
		return trimExe(name), parent, false
	}
	return "", 0, false
}

func trimExe(name string) string {
	if end := len(name) - len(".exe"); end > 0 && strings.EqualFold(name[end:], ".exe") {
		return name[:end]
	}
	return name
}

// open returns a process that exists, and maybe has ended.
func open(pid int, access uint32) (windows.Handle, error) {
	return windows.OpenProcess(access, false, uint32(pid))
}

// startOf returns when a process was started, 0 if there is none, or if we may not know.
func startOf(pid int) int64 {
	h, err := open(pid, windows.PROCESS_QUERY_LIMITED_INFORMATION)
	if err != nil {
		return 0
	}
	defer windows.CloseHandle(h)
	var start, exit, kernel, user windows.Filetime
	if windows.GetProcessTimes(h, &start, &exit, &kernel, &user) != nil {
		return 0
	}
	return start.Nanoseconds()
}

// isAlive says yes of a process that we may not open.
func isAlive(pid int) bool {
	h, err := open(pid, windows.SYNCHRONIZE)
	if err != nil {
		return errors.Is(err, windows.ERROR_ACCESS_DENIED)
	}
	defer windows.CloseHandle(h)
	event, err := windows.WaitForSingleObject(h, 0)
	return err == nil && event == uint32(windows.WAIT_TIMEOUT)
}

func pidfdID() string { return "" }

// DefaultOwner returns the process that our sockets should live as long as: our parent or, if that is a cmd.exe by which FOR /F runs
// this command for another cmd.exe, that one. Its errors are *Error.
func DefaultOwner() (int, error) {
	owner := Parent(os.Getpid())
	if shell := Parent(owner); isCmd(owner) && isCmd(shell) && mayRunOne(commandLine(owner)) {
		owner = shell
	}
	if owner == 0 {
		return 0, &Error{"the shell that would own the sockets is gone", "--owner PID names a process that lives"}
	}
	return owner, nil
}

func isCmd(pid int) bool { return strings.EqualFold(Name(pid), "cmd") }

// mayRunOne reports whether a command line of cmd.exe is for one command, as far as it is known.
func mayRunOne(line string) bool {
	return line == "" || strings.Contains(strings.ToLower(line), " /c ")
}

// CallingShell returns the name of the shell that called us.
func CallingShell() string {
	owner, err := DefaultOwner()
	if err != nil {
		return ""
	}
	return strings.ToLower(Name(owner))
}

// commandLine returns how a process was started, "" if it is not to be known.
func commandLine(pid int) string {
	h, err := open(pid, windows.PROCESS_QUERY_LIMITED_INFORMATION)
	if err != nil {
		return ""
	}
	defer windows.CloseHandle(h)
	buf := make([]uint64, 1<<13) // aligned for what begins it
	var n uint32
	size := uint32(len(buf) * 8)
	if windows.NtQueryInformationProcess(h, windows.ProcessCommandLineInformation, unsafe.Pointer(&buf[0]), size, &n) != nil {
		return ""
	}
	return (*windows.NTUnicodeString)(unsafe.Pointer(&buf[0])).String()
}

// LeadsGroup is false: there are no process groups here.
func LeadsGroup() bool { return false }

// Watch waits for the end of one process. A process that gets the same number later is not mistaken for it.
type Watch struct{ isOver atomic.Bool }

// WatchEnd calls ended, once and from another goroutine, when a process ends. It fails if the process is not alive now. Its errors
// are *Error.
func WatchEnd(pid int, ended func()) (*Watch, error) {
	p, err := os.FindProcess(pid)
	if err == nil && !isAlive(pid) {
		err = os.ErrProcessDone
	}
	if err != nil {
		return nil, &Error{fmt.Sprintf("cannot watch process %d: %v", pid, err), "name another owner: --owner PID"}
	}
	w := &Watch{}
	go func() {
		p.Wait()
		if !w.isOver.Swap(true) {
			ended()
		}
	}()
	return w, nil
}

// Stop ends the watch: ended is not called any more.
func (w *Watch) Stop() { w.isOver.Store(true) }

// ShowsColors has a console take control sequences, and reports whether it does.
func ShowsColors(f *os.File) bool {
	var mode uint32
	h := windows.Handle(f.Fd())
	return windows.GetConsoleMode(h, &mode) == nil && windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
