package child

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/systemfd/systemfd/internal/handoff"
)

// system is what the operating system does with children.
type system struct {
	hasRoom    func(count int) error
	start      func(c Command) (pid int, err error)
	signal     func(pid int, s os.Signal)
	waitForAny func() (pid int, end Status, err error)
	notify     func(address, state string) error // nil without service managers that want to know
	hasSent    func(s os.Signal) bool            // the terminal, to the whole process group
}

// platform is nil on a system on which a child cannot get descriptors of ours.
var platform *system

// Command is what a child becomes.
type Command struct {
	File          string // as handoff.LookPath found it
	Argv, Environ []string
	Files         []uintptr // its descriptors 0, 1, ...
	DiesWithUs    bool      // it gets SIGTERM if we end without it, on Linux: prctl(2), PR_SET_PDEATHSIG. The caller keeps to its thread
}

// Status is how a child has ended: with a code, or by a signal if that is not 0.
type Status struct {
	Code   int
	Signal syscall.Signal
}

// HasRoom returns an error if fewer than count descriptors can be opened, for children and what they are given.
func HasRoom(count int) error {
	if platform == nil {
		return errors.ErrUnsupported
	}
	return platform.hasRoom(count)
}

// Group is a number of children.
type Group struct {
	mu       sync.Mutex
	changed  sync.Cond // children did
	children map[int]bool
	last     Status // of the child that ended last
}

// NewGroup returns a group without children, on a system that HasRoom for some. All children of this process are to be
// of one group.
func NewGroup() *Group {
	g := &Group{children: map[int]bool{}}
	g.changed.L = &g.mu
	go g.reap()
	return g
}

// Start starts a command. A script without #! goes to /bin/sh, as with execvp(3). It does not learn of our service manager, for
// which a child's STOPPING=1 may count as ours. The errors of Start are *handoff.ExecError.
func (g *Group) Start(c Command) error {
	g.mu.Lock() // so that reap does not find the child before we do
	defer g.mu.Unlock()
	c.Environ = slices.DeleteFunc(slices.Clone(c.Environ), func(v string) bool { return strings.HasPrefix(v, notifySocket+"=") })
	pid, err := platform.start(c)
	if err != nil {
		return &handoff.ExecError{Name: c.Argv[0], Err: err}
	}
	g.children[pid] = true
	g.changed.Broadcast()
	return nil
}

// Pass passes a signal that has come to us on to every child, unless the terminal has sent it to them, too.
func (g *Group) Pass(s os.Signal) {
	if !platform.hasSent(s) {
		g.Signal(s)
	}
}

// Signal sends s to every child.
func (g *Group) Signal(s os.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for pid := range g.children {
		platform.signal(pid, s)
	}
}

// Wait returns when all children have ended, and how the last one did.
func (g *Group) Wait() Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.children) > 0 {
		g.changed.Wait()
	}
	return g.last
}

// reap waits for the children, as long as there are any. One thread waits for all, where os.Process takes one for each.
func (g *Group) reap() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		for len(g.children) == 0 {
			g.changed.Wait()
		}
		g.mu.Unlock()
		pid, end, err := platform.waitForAny()
		g.mu.Lock()
		delete(g.children, pid)
		g.last = end
		if err != nil { // somebody else has waited for them
			clear(g.children)
		}
		g.changed.Broadcast()
	}
}

// IsShort reports whether err says that there are too few descriptors, processes or memory, which passes.
func IsShort(err error) bool {
	for _, short := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM, syscall.ENOBUFS} {
		if errors.Is(err, short) {
			return true
		}
	}
	return false
}
