// Package accept stays, and starts a command once per connection: Accept=yes of systemd.socket(5), nowait of inetd(8).
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
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
)

// Service is what runs for every connection.
type Service struct {
	File      string   // of the command, as handoff.LookPath found it
	Argv      []string // with the name by which it was called
	Environ   []string
	Inetd     bool     // the connection is its standard input and output, not descriptor 3
	Nonblock  bool     // with Inetd: the connection has O_NONBLOCK
	Nested    []string // without Inetd: the command line of the systemfd that becomes the command, up to "--"
	Listeners []socket.Socket
	Ready     func()      // before the first connection is accepted
	CleanUp   func()      // when nothing more is accepted
	Warn      func(error) // of what passes
	Fail      func(error) // of a connection that got no command
}

// server accepts for a service.
type server struct {
	Service
	children *child.Group
	ending   chan struct{} // closed when no more is to be accepted
	shortage child.Shortage
}

// room is how many descriptors it takes to accept: the runtime's own, a connection, and what starting a child needs.
const room = 8

// Serve accepts until one of signals comes, passes that on, and returns it when the children have ended.
func Serve(service Service, signals chan os.Signal) (os.Signal, error) {
	if err := child.HasRoom(room); err != nil {
		return nil, fmt.Errorf("cannot accept: %w", err)
	}
	var listeners []socket.Listener
	for _, s := range service.Listeners {
		l, err := socket.NewListener(s, service.Inetd && service.Nonblock)
		if err != nil {
			return nil, fmt.Errorf("cannot accept on %s: %w", s.Display(), err)
		}
		listeners = append(listeners, l)
	}
	startThreads()
	service.Ready()
	s := &server{Service: service, children: child.NewGroup(), ending: make(chan struct{}), shortage: child.Shortage{Warn: service.Warn}}
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

// startThreads has the runtime start the threads that it will need while there is room for them: it ends the program if
// the limit of processes keeps it from starting one later.
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

// start starts the command with conn. It is this program again that becomes the command, as LISTEN_PID has to say the
// process ID of a process that does not exist yet; with Inetd there is no LISTEN_PID.
func (s *server) start(conn *os.File, from netip.AddrPort) error {
	if s.Inetd {
		environ := listenfds.Environ(s.Environ, listenfds.Set{NoHolder: true})
		return s.children.Start(child.Command{
			File: s.File, Argv: s.Argv, Environ: withRemote(environ, from), Files: []uintptr{conn.Fd(), conn.Fd(), 2},
		})
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	set := listenfds.Set{First: listenfds.Start, Count: 1, Names: []string{"connection"}, NoHolder: true}
	argv := slices.Concat(s.Nested, []string{"--"}, s.Argv)
	argv[0] = self // by which OpenBSD finds the program
	environ := withRemote(listenfds.Environ(s.Environ, set), from)
	return s.children.Start(child.Command{File: self, Argv: argv, Environ: environ, Files: []uintptr{0, 1, 2, conn.Fd()}})
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
