// Package handoff gives sockets to the command that this process becomes: it puts them at the
// descriptors where sd_listen_fds(3) looks, and execs.
package handoff

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/systemfd/systemfd/internal/listenfds"
)

// Command is what this process becomes.
type Command struct {
	File    string   // as LookPath found it
	Argv    []string // with the name by which it was called
	Environ []string // as Reserve returned it
	Set     listenfds.Set
	Sockets []Socket // in the order of their descriptors, from listenfds.Start on
	Inetd   bool     // the first is the standard input, too, as with inetd(8)
}

// Socket is an open socket for the command.
type Socket struct {
	FD       int
	Nonblock bool // it has O_NONBLOCK
	IsShared bool // another process serves it: its O_NONBLOCK, which belongs to the open file description, is theirs
}

// ExecError says why a command does not run. Err is fs.ErrNotExist if there is none of that name.
type ExecError struct {
	Name string
	Err  error
}

func (e *ExecError) Error() string {
	if e.Err == fs.ErrNotExist && !strings.ContainsAny(e.Name, "/"+string(filepath.Separator)) {
		return fmt.Sprintf("cannot run %q: not found in PATH", e.Name)
	}
	return fmt.Sprintf("cannot run %q: %v", e.Name, e.Err)
}

func (e *ExecError) Unwrap() error { return e.Err }

// DescriptorError says why the descriptors from 3 on cannot be had.
type DescriptorError struct {
	Count int
	Err   error
}

func (e *DescriptorError) Error() string {
	return fmt.Sprintf("cannot take %d descriptors from %d on: %v", e.Count, listenfds.Start, e.Err)
}

func (e *DescriptorError) Unwrap() error { return e.Err }

// step moves one descriptor; if both ends are equal, it is there already.
type step struct{ from, to int }

// plan says how the descriptors fds get to 3, 4, ... in their order. The ones in lift stand where
// another goes: they are first copied above the range, the steps then start from the copies.
func plan(fds []int) (lift []int, steps []step) {
	for i, fd := range fds {
		to := listenfds.Start + i
		if fd != to && inRange(fd, len(fds)) {
			lift = append(lift, fd)
		}
		steps = append(steps, step{fd, to})
	}
	return lift, steps
}

// inRange reports whether fd is one of the count numbers that the sockets get.
func inRange(fd, count int) bool {
	return fd >= listenfds.Start && fd < listenfds.Start+count
}
