// Package handoff gives sockets to the command that this process becomes: it puts them at the
// descriptors where sd_listen_fds(3) looks, and execs.
package handoff

import (
	"fmt"

	"github.com/systemfd/systemfd/internal/listenfds"
)

// ExecError says why a command does not run. Err is fs.ErrNotExist where there is none of that name.
type ExecError struct {
	Name string
	Err  error
}

func (e *ExecError) Error() string { return fmt.Sprintf("cannot run %q: %v", e.Name, e.Err) }
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

// Hint returns the way out: short of memory, the limit is all that can stand in the way.
func (e *DescriptorError) Hint() string { return "raise the limit of open files: ulimit -n" }

// step moves one descriptor; where both ends are equal, it is there already.
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
