package cli

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
)

// acceptor stays and starts the command once per connection: Accept=yes of systemd.socket(5), nowait of inetd(8).
type acceptor struct {
	printer *printer
	flags   *runFlags
	file    string   // the command's
	command []string // and its arguments
	environ []string

	ending   chan struct{} // closed when no more is to be accepted
	mu       sync.Mutex
	changed  sync.Cond // children did
	children map[int]bool
	short    bool // of descriptors or processes, and that is said
}

// retryAfter is how long to wait before trying again what failed for want of descriptors or processes.
const retryAfter = 100 * time.Millisecond

// serve accepts on sockets until one of signals comes, and ends of it when the children have.
func (a *acceptor) serve(sockets []socket.Socket, signals chan os.Signal, cleanUp func()) error {
	a.ending, a.children, a.changed.L = make(chan struct{}), map[int]bool{}, &a.mu
	var listeners []*socket.Listener
	for _, s := range sockets {
		l, err := socket.NewListener(s)
		if err != nil {
			return fmt.Errorf("cannot accept on %s: %w", s.Display(), err)
		}
		listeners = append(listeners, l)
	}
	go a.reap()
	var accepting sync.WaitGroup
	for _, l := range listeners {
		accepting.Go(func() { a.accept(l) })
	}

	ending := <-signals
	close(a.ending)
	for _, l := range listeners {
		l.Close()
	}
	accepting.Wait()
	cleanUp()
	a.signal(ending)
	go func() {
		for another := range signals {
			a.signal(another)
		}
	}()
	a.awaitChildren()
	dieOf(ending)
	return nil
}

// accept starts a child for every connection until we are ending.
func (a *acceptor) accept(l *socket.Listener) {
	for !a.isEnding() {
		conn, from, err := l.Accept()
		switch {
		case err == nil:
			a.handle(conn, from)
			conn.Close()
		case !a.isEnding():
			a.wait(fmt.Errorf("cannot accept: %w", err))
		}
	}
}

func (a *acceptor) isEnding() bool {
	select {
	case <-a.ending:
		return true
	default:
		return false
	}
}

// handle starts a child for conn, as soon as there are descriptors and processes for it.
func (a *acceptor) handle(conn *os.File, from netip.AddrPort) {
	for {
		err := a.start(conn, from)
		switch {
		case err == nil:
			return
		case !handoff.IsShort(err):
			a.printer.fail(err)
			return
		case a.isEnding():
			return
		}
		a.wait(err)
	}
}

// wait lets a shortage pass, and tells of it once.
func (a *acceptor) wait(err error) {
	a.mu.Lock()
	if !a.short {
		a.printer.warn("%v; trying again until it works", err)
	}
	a.short = true
	a.mu.Unlock()
	select {
	case <-a.ending:
	case <-time.After(retryAfter):
	}
}

// start starts the command with conn. It is this program again that becomes the command, as LISTEN_PID has to say the
// process ID of a process that does not exist yet; with --inetd there is no LISTEN_PID.
func (a *acceptor) start(conn *os.File, from netip.AddrPort) error {
	file, argv := a.file, a.command
	files := []uintptr{0, 1, 2, conn.Fd()}
	set := listenfds.Set{First: listenfds.Start, Count: 1, Names: []string{"connection"}, NoHolder: true}
	if a.flags.Inetd {
		files, set = []uintptr{conn.Fd(), conn.Fd(), 2}, listenfds.Set{NoHolder: true}
		if err := handoff.SetNonblock([]int{int(conn.Fd())}, a.flags.Nonblock); err != nil {
			return err
		}
	} else {
		var err error
		if file, err = os.Executable(); err != nil {
			return err
		}
		argv = append(a.flags.nested(), a.command...)
	}

	a.mu.Lock() // so that reap does not find the child before we do
	defer a.mu.Unlock()
	pid, err := handoff.Start(file, argv, withRemote(listenfds.Environ(a.environ, set), from), files)
	if err != nil {
		return err
	}
	a.children[pid], a.short = true, false
	a.changed.Broadcast()
	return nil
}

// reap waits for the children, as long as there are any.
func (a *acceptor) reap() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		for len(a.children) == 0 {
			a.changed.Wait()
		}
		a.mu.Unlock()
		pid, ok := handoff.Reap()
		a.mu.Lock()
		delete(a.children, pid)
		if !ok { // somebody else has waited for them
			clear(a.children)
		}
		a.changed.Broadcast()
	}
}

func (a *acceptor) awaitChildren() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.children) > 0 {
		a.changed.Wait()
	}
}

// signal passes s on to the children.
func (a *acceptor) signal(s os.Signal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for pid := range a.children {
		handoff.Signal(pid, s)
	}
}

// nested is the command line of the systemfd that becomes the command for one connection.
func (f *runFlags) nested() []string {
	argv := []string{"systemfd", "--quiet"}
	switch {
	case f.Pid != nil && *f.Pid:
		argv = append(argv, "--pid")
	case f.Pid != nil:
		argv = append(argv, "--no-pid")
	}
	if f.Nonblock {
		argv = append(argv, "--nonblock")
	}
	return append(argv, "--")
}

// withRemote sets REMOTE_ADDR and REMOTE_PORT, systemd.exec(5), of an inet connection; ones of somebody else's go.
func withRemote(environ []string, from netip.AddrPort) []string {
	environ = slices.DeleteFunc(environ, func(v string) bool {
		return strings.HasPrefix(v, "REMOTE_ADDR=") || strings.HasPrefix(v, "REMOTE_PORT=")
	})
	if !from.IsValid() {
		return environ
	}
	return append(environ, "REMOTE_ADDR="+from.Addr().String(), fmt.Sprintf("REMOTE_PORT=%d", from.Port()))
}
