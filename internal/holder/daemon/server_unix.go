//go:build unix

package daemon

import (
	"errors"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

const (
	slots      = 16          // answers at the same time
	guardEvery = time.Second // how often the control socket is checked
)

// emptyTime is how long a new holder waits for its first claim. Tests wait less.
var emptyTime = 10 * time.Second

// server is a running holder.
type server struct {
	path      string        // of the control socket
	directory string        // in which it was started, for status
	storeTime time.Duration // wire.StoreTime; tests wait less
	slots     chan struct{}
	replies   sync.WaitGroup // answers that are under way
	done      chan struct{}  // closed by end

	mu      sync.Mutex // locked only for moments: nothing that may take long is done with it
	control *net.UnixListener
	file    socket.File // of the control socket
	ledger  *ledger
	kept    map[int]*kept          // by the ledger's numbers of items
	stopped map[spec.Identity]bool // closed by stop, and not claimed since
	watches map[int]*watch         // by its numbers of claims
	talking bool                   // a claim is in conversation
	ending  bool
}

// kept is a socket that is kept open.
type kept struct {
	fd    int
	path  string      // absolute
	file  socket.File // of its path, if that is ours to remove
	since time.Time

	damage string // set if the name of the socket was released; otherwise the socket itself tells
}

// serve runs a holder with an open control socket until it ends.
func serve(listener int, path, directory string) error {
	debug.SetGCPercent(10) // memory matters more than speed
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT)
	s, err := newServer(listener, path, directory)
	if err != nil {
		return err
	}
	time.AfterFunc(emptyTime, s.endIfEmpty)
	go s.accept(s.control)
	var guarding sync.WaitGroup
	guarding.Go(s.guard)
	select {
	case <-signals:
		s.mu.Lock()
		s.end()
		s.mu.Unlock()
	case <-s.done:
	}
	s.finish()
	guarding.Wait() // guard may just have made the control socket again, and then removes it
	return nil
}

// newServer returns a holder that keeps nothing yet. It owns listener.
func newServer(listener int, path, directory string) (*server, error) {
	control, err := netListener(listener, path)
	if err != nil {
		return nil, err
	}
	return &server{
		path: path, directory: directory, storeTime: wire.StoreTime, control: control, file: socket.FileAt(path), ledger: newLedger(),
		kept: map[int]*kept{}, stopped: map[spec.Identity]bool{}, watches: map[int]*watch{}, slots: make(chan struct{}, slots), done: make(chan struct{}),
	}, nil
}

func netListener(fd int, path string) (*net.UnixListener, error) {
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		socket.RemoveFile(path, socket.FileAt(path)) // nobody else binds there while file is open
		return nil, err
	}
	control, ok := l.(*net.UnixListener)
	if !ok {
		return nil, errors.New("not started by systemfd")
	}
	control.SetUnlinkOnClose(false) // end does that, if the path is still ours
	return control, nil
}

// accept serves clients until the control socket is closed.
func (s *server) accept(control *net.UnixListener) {
	for {
		conn, err := control.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // for example no descriptor: the client waits in the queue; macOS drops it, and it tries again
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go s.converse(conn)
	}
}

// guard makes the control socket again if it was removed, for example when macOS cleans /tmp.
func (s *server) guard() {
	tick := time.NewTicker(guardEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.restore()
		case <-s.done:
			return
		}
	}
}

// restore opens the control socket again if its path is not ours any more. If another holder is there, that one stays, and this one
// tries again later.
func (s *server) restore() {
	if s.isReachable() {
		return
	}
	opened, err := OpenControl(s.path)
	if err != nil {
		return
	}
	control, err := netListener(opened.FD, s.path)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		socket.RemoveFile(s.path, opened.File())
		control.Close()
		return
	}
	s.control.Close()
	s.control, s.file = control, opened.File()
	go s.accept(control)
}

func (s *server) isReachable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending || socket.FileAt(s.path) == s.file
}

// endIfEmpty ends a holder without claims.
func (s *server) endIfEmpty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ledger.claims) == 0 && !s.talking {
		s.end()
	}
}

// watch is the watch of a process that has a claim.
type watch struct {
	*process.Watch
	claim int // its number, which differs from that of a later process with the same ID
}

// watch watches a process. The caller has mu.
func (s *server) watch(pid int) (w *watch, err error) {
	w = &watch{}
	w.Watch, err = process.WatchEnd(pid, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.release(w.claim)
	})
	return w, err
}

// follow makes a claim end with the watched process. The caller has mu.
func (s *server) follow(w *watch, claim int) {
	w.claim = claim
	s.watches[claim] = w
}

// alive returns the claim of a process that still runs, or 0. It drops the claim of a process that has ended and whose ID is used
// again. The caller has mu.
func (s *server) alive(p party) int {
	number := s.ledger.current[p]
	if number != 0 && !s.watches[number].IsAlive() {
		s.drop(number)
		return 0
	}
	return number
}

// release drops a claim, and ends with the last one. The caller has mu.
func (s *server) release(number int) {
	s.drop(number)
	if len(s.ledger.claims) == 0 && !s.talking {
		s.end()
	}
}

// close removes the paths of sockets if these are still theirs, and closes the sockets. In the other order somebody could find the
// socket dead, and bind there before the path is removed.
func (s *server) close(numbers []int) {
	for _, n := range numbers {
		k := s.kept[n]
		socket.RemoveFile(k.path, k.file)
		unix.Close(k.fd)
		delete(s.kept, n)
	}
}

// end closes everything. Clients are answered only after that: their next step is to bind the same addresses. The control socket goes
// last, because a new holder binds there as soon as it is gone. The caller has mu.
func (s *server) end() {
	if s.ending {
		return
	}
	s.ending = true
	for _, w := range s.watches {
		w.Stop()
	}
	for number := range s.ledger.claims {
		s.close(s.ledger.release(number))
	}
	socket.RemoveFile(s.path, s.file)
	s.control.Close()
	close(s.done)
}

// finish waits for the answers that are under way, for example the one to the client that asked for the end.
func (s *server) finish() {
	sent := make(chan struct{})
	go func() {
		s.replies.Wait()
		close(sent)
	}()
	select {
	case <-sent:
	case <-time.After(wire.RequestTime):
	}
}
