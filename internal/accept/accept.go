// Package accept stays, and starts one command per connection: Accept=yes of systemd.socket(5), nowait of inetd(8).
package accept

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/systemfd/systemfd/internal/child"
	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
)

// Service is what runs for every connection.
type Service struct {
	File      string   // of the command, as handoff.LookPath found it
	Argv      []string // with the name by which it was called
	Environ   []string
	Inetd     bool     // the connection is its standard input and output, not descriptor 3
	Nonblock  bool     // the connection has O_NONBLOCK
	PassPID   bool     // without Inetd: LISTEN_PID names the command
	Nested    []string // the command line of a systemfd that sets LISTEN_PID, and becomes the command; up to "--"
	Listeners []socket.Socket
	Ready     func()      // called before the first connection is accepted
	CleanUp   func()      // called when no more connections are accepted
	Warn      func(error) // about a problem that passes
	Fail      func(error) // about a connection that got no command
}

// server accepts for a service.
type server struct {
	Service
	children *child.Group
	environ  []string      // of each command, without the variables about its client
	first    between       // with PassPID: the program that becomes the command
	ending   chan struct{} // closed when no more is to be accepted
	shortage child.Shortage
}

// room is how many descriptors it takes to accept: the runtime's own, a connection, and what starting a child needs.
const room = 8

// Serve accepts until one of signals comes, passes that on, and returns it when the children have ended.
func Serve(service Service, signals chan os.Signal) (os.Signal, error) {
	s := &server{Service: service, ending: make(chan struct{}), shortage: child.Shortage{Warn: service.Warn}}
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("cannot accept: %w", err)
	}
	listeners, err := s.listen()
	if err != nil {
		return nil, err
	}
	startThreads()
	s.Ready()
	s.children = child.NewGroup()
	var accepting sync.WaitGroup
	for _, l := range listeners {
		accepting.Go(func() { s.accept(l) })
	}

	ending := <-signals
	close(s.ending)
	for _, l := range listeners {
		l.Close()
	}
	accepting.Wait()
	s.CleanUp()
	s.children.Pass(ending)
	go func() {
		for another := range signals {
			s.children.Pass(another)
		}
	}()
	s.children.Wait()
	return ending, nil
}

// prepare determines everything that is the same for all connections.
func (s *server) prepare() (err error) {
	if err := child.HasRoom(room); err != nil {
		return err
	}
	set := listenfds.Set{NoHolder: true}
	if !s.Inetd {
		set.First, set.Count, set.Names = listenfds.Start, 1, []string{"connection"}
	}
	s.environ = slices.DeleteFunc(listenfds.Environ(s.Environ, set), func(v string) bool {
		return strings.HasPrefix(v, remoteAddr) || strings.HasPrefix(v, remotePort)
	})
	if s.PassPID && !s.Inetd {
		s.first, err = s.between()
	}
	return err
}

func (s *server) listen() (listeners []socket.Listener, err error) {
	for _, on := range s.Listeners {
		l, err := socket.NewListener(on, s.Nonblock)
		if err != nil {
			return nil, fmt.Errorf("cannot accept on %s: %w", on.Display(), err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// startThreads makes the runtime start the threads that it will need, while there is room for them. If it cannot start one later,
// because of the limit of processes, it ends the program.
func startThreads() {
	var started, released sync.WaitGroup
	started.Add(threads)
	released.Add(1)
	for range threads {
		go func() {
			runtime.LockOSThread()
			started.Done()
			released.Wait()
			runtime.UnlockOSThread() // the thread stays, idle
		}()
	}
	started.Wait()
	released.Done()
}

// threads is enough for the poller, the one that waits for children, and system calls that block.
const threads = 8

// accept starts a child for every connection until we are ending.
func (s *server) accept(l socket.Listener) {
	for !s.isEnding() {
		conn, from, err := l.Accept()
		switch {
		case err == nil:
			s.handle(conn, from)
			conn.Close()
		case !s.isEnding():
			s.shortage.Wait(fmt.Errorf("cannot accept: %w", err), s.ending)
		}
	}
}

func (s *server) isEnding() bool {
	select {
	case <-s.ending:
		return true
	default:
		return false
	}
}

// handle starts a child for conn, as soon as there are descriptors and processes for it.
func (s *server) handle(conn *os.File, from netip.AddrPort) {
	for {
		err := s.start(conn, from)
		switch {
		case err == nil:
			return
		case !child.IsShort(err):
			s.Fail(err)
			return
		case s.isEnding():
			return
		}
		s.shortage.Wait(err, s.ending)
	}
}

// start starts the command with conn.
func (s *server) start(conn *os.File, from netip.AddrPort) error {
	c := child.Command{File: s.File, Argv: s.Argv, Environ: s.environOf(from), Files: []uintptr{0, 1, 2, conn.Fd()}}
	switch {
	case s.Inetd:
		c.Files = []uintptr{conn.Fd(), conn.Fd(), 2}
	case s.PassPID:
		if _, err := handoff.LookPath(s.Argv[0]); err != nil { // for our own error message
			return err
		}
		c.File, c.Argv = s.first.file, slices.Concat(s.first.argv, s.Argv)
	}
	return s.children.Start(c)
}

// The variables with the address of a client, systemd.exec(5).
const (
	remoteAddr = "REMOTE_ADDR="
	remotePort = "REMOTE_PORT="
)

// environOf is the environment of the command for a connection.
func (s *server) environOf(from netip.AddrPort) []string {
	if !from.IsValid() {
		return s.environ
	}
	return append(slices.Clip(s.environ), remoteAddr+from.Addr().String(), fmt.Sprintf("%s%d", remotePort, from.Port()))
}
