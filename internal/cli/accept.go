package cli

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
)

// acceptor stays and starts the command once a connection: Accept=yes of systemd.socket(5), nowait of inetd(8).
// Package net serves here: the listeners are not passed on, and nothing execs.
type acceptor struct {
	printer *printer
	flags   *runFlags
	file    string   // the command's
	command []string // and its arguments
	environ []string

	mu       sync.Mutex
	children map[*os.Process]bool
	ended    sync.WaitGroup // of children
}

// retryAfter is how long to wait before trying again what failed for want of descriptors or processes.
const retryAfter = 100 * time.Millisecond

// serve accepts on sockets until a signal says to end, and ends of it when the children have.
func (a *acceptor) serve(sockets []socket.Socket, cleanUp func()) error {
	a.children = map[*os.Process]bool{}
	var listeners []net.Listener
	for _, s := range sockets {
		f := os.NewFile(uintptr(s.FD), s.Name)
		l, err := net.FileListener(f)
		if err != nil {
			return fmt.Errorf("cannot accept on %s: %w", s.Spec.Display(), err)
		}
		if unix, ok := l.(*net.UnixListener); ok {
			unix.SetUnlinkOnClose(false) // cleanUp does that, where the path is ours
		}
		listeners = append(listeners, l)
	}
	signals := notifyEndings()
	defer signal.Stop(signals)
	var accepting sync.WaitGroup
	for _, l := range listeners {
		accepting.Go(func() { a.accept(l) })
	}
	s := <-signals
	for _, l := range listeners {
		l.Close()
	}
	accepting.Wait()
	cleanUp()
	a.signal(s)
	a.ended.Wait()
	dieOf(s)
	return nil
}

// accept starts a child for every connection until the listener is closed.
func (a *acceptor) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			a.printer.warn("cannot accept: %v", cause(errors.Unwrap(err)))
			time.Sleep(retryAfter)
			continue
		}
		if err := a.start(conn); err != nil {
			a.printer.fail(err)
			time.Sleep(retryAfter)
		}
		conn.Close()
	}
}

// start starts the command with conn. It is this program again that becomes the command, as LISTEN_PID has to say the
// process ID of a process that does not exist yet; with --inetd there is no LISTEN_PID.
func (a *acceptor) start(conn net.Conn) error {
	f, err := conn.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return err
	}
	defer f.Close()
	file, argv := a.file, a.command
	files := []*os.File{os.Stdin, os.Stdout, os.Stderr, f}
	set := listenfds.Set{First: listenfds.Start, Count: 1, Names: []string{"connection"}}
	if a.flags.Inetd {
		files, set = []*os.File{f, f, os.Stderr}, listenfds.Set{}
		if err := clearNonblock(f); err != nil {
			return err
		}
	} else if file, err = os.Executable(); err == nil {
		argv = append(a.flags.nested(), a.command...)
	}
	if err != nil {
		return err
	}
	environ := append(listenfds.Environ(a.environ, set), remoteEnviron(conn.RemoteAddr())...)
	process, err := os.StartProcess(file, argv, &os.ProcAttr{Env: environ, Files: files})
	if err != nil {
		return fmt.Errorf("cannot start %q: %w", a.command[0], cause(err))
	}
	a.watch(process)
	return nil
}

// watch reaps a child when it ends.
func (a *acceptor) watch(process *os.Process) {
	a.mu.Lock()
	a.children[process] = true
	a.mu.Unlock()
	a.ended.Go(func() {
		process.Wait()
		a.mu.Lock()
		delete(a.children, process)
		a.mu.Unlock()
	})
}

// signal passes s on to the children.
func (a *acceptor) signal(s os.Signal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for process := range a.children {
		process.Signal(s)
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

// remoteEnviron is REMOTE_ADDR and REMOTE_PORT of systemd.exec(5), of an inet connection.
func remoteEnviron(addr net.Addr) []string {
	remote, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return nil
	}
	return []string{"REMOTE_ADDR=" + remote.Addr().Unmap().String(), fmt.Sprintf("REMOTE_PORT=%d", remote.Port())}
}

// clearNonblock undoes what package net did.
func clearNonblock(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	controlErr := raw.Control(func(fd uintptr) { err = handoff.SetNonblock([]int{int(fd)}, false) })
	return errors.Join(controlErr, err)
}
