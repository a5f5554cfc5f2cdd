package handoff

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// LookPath finds a command as PATH and PATHEXT say, but not in the working directory, unless it is written so: ".\server". Its errors
// are *ExecError.
func LookPath(name string) (string, error) {
	file, err := exec.LookPath(name)
	switch {
	case err == nil:
		return file, nil
	case errors.Is(err, exec.ErrDot):
		err = fmt.Errorf(`it is not in PATH, but in this directory: write .\%s`, name)
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		err = fs.ErrNotExist
	}
	return "", &ExecError{name, err}
}

// Start starts a command with our standard streams. It ends with us, and what it starts does, too.
func Start(file string, argv, environ []string) (*os.Process, error) {
	line := commandLine(argv)
	if isBatch(file) {
		system, err := windows.GetSystemDirectory()
		if err == nil {
			line, err = batchLine(file, argv[1:])
		}
		if err != nil {
			return nil, err
		}
		file = filepath.Join(system, "cmd.exe")
	}
	joinJob()
	p, err := os.StartProcess(file, argv, &os.ProcAttr{
		Env: environ, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Sys: &syscall.SysProcAttr{CmdLine: line},
	})
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	return p, err
}

// job ends all processes in it when we do: Windows closes the last handle then. It is 0 if there is none.
var job windows.Handle

// joinJob puts this process into the job, so that each child is in it from its first moment on. Windows before 8 has no job in a job;
// there, a command goes on if we are killed.
var joinJob = sync.OnceFunc(func() {
	var err error
	if job, err = windows.CreateJobObject(nil, nil); err != nil {
		return
	}
	limitJob(windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | windows.JOB_OBJECT_LIMIT_BREAKAWAY_OK)
	windows.AssignProcessToJobObject(job, windows.CurrentProcess())
})

// LeaveJob lets go on what a command has left that has ended by itself.
func LeaveJob() { limitJob(windows.JOB_OBJECT_LIMIT_BREAKAWAY_OK) }

func limitJob(flags uint32) {
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = flags
	windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
}
