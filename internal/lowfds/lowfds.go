// Package lowfds keeps the Go runtime's poller away from the low descriptors, at which sockets are passed.
//
// If a standard stream is non-blocking, package os puts it into the poller before main begins, and the poller takes the
// lowest free descriptors: 3, most of the time. It cannot be moved, and on macOS it does not go through exec.
//
// This package imports only syscall, so it is initialised before os: packages are initialised in the order of their import paths, after
// their own imports. It fills the low descriptors with placeholders that do not go through exec either.
package lowfds

const (
	start = 3  // the first descriptor that is passed
	count = 64 // of descriptors that are filled, or taken already
	spare = 4  // descriptors that the runtime needs to begin at all
)

// filled are the descriptors from start on that have a placeholder.
var filled [count]bool

// Holds reports whether a descriptor is a placeholder of this package.
func Holds(fd int) bool { return fd >= start && fd < start+count && filled[fd-start] }

// fill calls open, which opens the lowest free descriptor from start on, until the range is full and some more descriptors are free for
// the runtime. If there are not enough, it gives some of the range back.
func fill(open func() (int, bool), closeFD func(int)) {
	var above []int
	for len(above) < spare {
		fd, ok := open()
		if !ok {
			giveBack(spare, closeFD)
			break
		}
		if fd < start+count {
			filled[fd-start] = true
		} else {
			above = append(above, fd)
		}
	}
	for _, fd := range above {
		closeFD(fd)
	}
}

// Release closes the placeholders, in a process that passes no sockets on.
func Release(closeFD func(int)) { giveBack(count, closeFD) }

// giveBack closes the highest placeholders, at most so many.
func giveBack(most int, closeFD func(int)) {
	closed := 0
	for i := count - 1; i >= 0 && closed < most; i-- {
		if filled[i] {
			closeFD(start + i)
			filled[i] = false
			closed++
		}
	}
}
