//go:build unix

package socket

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/spec"
)

// first returns the process with the smallest number: usually a watcher, not its server.
func first(pids []int) (p process.Process) {
	if len(pids) > 0 {
		p = process.Of(slices.Min(pids))
	}
	return p
}

// strangers returns the processes without our ancestors. It leaves out Init, too: if Init has a socket, it has started all processes
// that have it.
func strangers(pids []int) (all []process.Process) {
	slices.Sort(pids)
	for _, pid := range slices.Compact(pids) {
		if pid != process.Init && !process.IsAncestor(pid) {
			all = append(all, process.Of(pid))
		}
	}
	return all
}

// lsofUser asks lsof(8) who has the address that s wants.
func lsofUser(s spec.Spec) process.Process { return userIn(lsof(lsofUsers(s)...), s) }

// lsofSharers asks lsof who has the socket of a descriptor.
func lsofSharers(fd int) []process.Process {
	return strangers(sharing(lsof("-i", "-U"), os.Getpid(), fd))
}

// sockstatUser asks sockstat(1) who has the address that s wants.
func sockstatUser(s spec.Spec) process.Process {
	return userIn(parseSockstat(output(listTime, "/usr/bin/sockstat", sockstatUsers(s)...)), s)
}

func userIn(all []listed, s spec.Spec) process.Process {
	file, name := FileAt(s.Path), filepath.Base(s.Path)
	return first(inTheWay(all, s, os.Getpid(), func(path string) bool {
		// The name first: lstat(2) of another path may hang.
		return file != File{} && filepath.Base(path) == name && FileAt(path) == file
	}))
}

// lsofPrograms are where lsof is: it is part of macOS, and may be installed elsewhere. PATH is not asked, as the superuser may run us.
var lsofPrograms = []string{"/usr/sbin/lsof", "/usr/bin/lsof", "/usr/local/sbin/lsof", "/usr/local/bin/lsof", "/usr/pkg/sbin/lsof"}

func lsof(options ...string) []listed {
	i := slices.IndexFunc(lsofPrograms, func(path string) bool { _, err := os.Stat(path); return err == nil })
	if i < 0 {
		return nil
	}
	return parseLsof(output(listTime, lsofPrograms[i], slices.Concat(lsofOptions, options)...))
}

// listTime limits the wait for a list: lsof can hang at a file system.
var listTime = 2 * time.Second

// output returns what a program prints within a time, "" without that program. Errors do not matter: an error message without the name
// of a process is good enough.
func output(limit time.Duration, program string, args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second / 10 // for children of the program that have the pipe
	text, _ := cmd.Output()
	return string(text)
}
