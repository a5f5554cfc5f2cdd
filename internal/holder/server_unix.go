//go:build unix

package holder

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/listenfds"
)

const (
	clientTime = 2 * time.Second // for a request to arrive, and for its reply to leave
	clients    = 16              // at once
	maxRequest = 1 << 20         // bytes
)

// server is a running holder.
type server struct {
	path    string // of the control socket
	folder  string // where it was started, for status
	control *net.UnixListener
	stat    unix.Stat_t // of the control socket

	claiming sync.Mutex // before mu: held by the one who claims, mu free while a socket is opened
	mu       sync.Mutex
	items    []*item
	claims   []*claim
	ending   bool
	replies  sync.WaitGroup // under way
	done     chan struct{}  // closed by end
}

// serve is the life of a holder: the control socket is at descriptor 3, the sockets of the first claim are
// the ones that LISTEN_FDS says, and wanted is how their owner spelled them.
func serve(path, folder string, owner int, wanted []string) error {
	debug.SetGCPercent(10) // small before fast
	s, err := newServer(os.NewFile(listenfds.Start, path), path, folder)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT)
	go func() {
		<-signals
		s.mu.Lock()
		defer s.mu.Unlock()
		s.end()
	}()
	if err := s.adopt(owner, wanted); err != nil {
		s.refuse(err)
		return err
	}
	go s.accept()
	<-s.done
	s.finish()
	return nil
}

// newServer is a holder that has nothing yet. It closes control.
func newServer(control *os.File, path, folder string) (*server, error) {
	defer control.Close()
	l, err := net.FileListener(control)
	if err != nil {
		return nil, err
	}
	s := &server{path: path, folder: folder, done: make(chan struct{})}
	var ok bool
	if s.control, ok = l.(*net.UnixListener); !ok {
		return nil, errors.New("not started by systemfd")
	}
	s.control.SetUnlinkOnClose(false) // end does that, where the path is still ours
	return s, unix.Lstat(path, &s.stat)
}

// refuse tells who started this holder why it cannot be one.
func (s *server) refuse(err error) {
	s.control.SetDeadline(time.Now().Add(clientTime))
	conn, acceptErr := s.control.AcceptUnix()
	if acceptErr != nil {
		return
	}
	defer conn.Close()
	if _, ok := readRequest(conn); ok && isFriend(conn) {
		writeReply(conn, failed(err), nil)
	}
}

// finish lets the replies leave that are under way: who asked for the end, for one, wants to hear of it.
func (s *server) finish() {
	sent := make(chan struct{})
	go func() {
		s.replies.Wait()
		close(sent)
	}()
	select {
	case <-sent:
	case <-time.After(clientTime):
	}
}

// accept serves clients until the control socket is closed.
func (s *server) accept() {
	slots := make(chan struct{}, clients)
	for {
		slots <- struct{}{}
		conn, err := s.control.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, say: the client waits in the queue
			<-slots
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go func() {
			s.converse(conn)
			conn.Close()
			<-slots
		}()
	}
}

// converse reads a request and answers it. One that is malformed, foreign or late gets no answer.
func (s *server) converse(conn *net.UnixConn) {
	if !isFriend(conn) {
		return
	}
	r, ok := readRequest(conn)
	if !ok {
		return
	}
	if !s.enter() {
		writeReply(conn, reply{Ending: true}, nil)
		return
	}
	defer s.replies.Done()
	answer, fds := s.answer(r)
	defer closeAll(fds)
	writeReply(conn, answer, fds)
}

// enter counts a reply, unless it is too late for one.
func (s *server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ending {
		s.replies.Add(1)
	}
	return !s.ending
}

// readRequest reads without a buffer for control messages: the kernel closes descriptors that a client passes.
func readRequest(conn *net.UnixConn) (r request, ok bool) {
	conn.SetReadDeadline(time.Now().Add(clientTime))
	line, err := bufio.NewReader(io.LimitReader(conn, maxRequest)).ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &r) != nil {
		return request{}, false
	}
	return r, r.Protocol == protocol
}

// writeReply passes fds behind the reply. A client that has gone, or does not read, is no concern of ours.
func writeReply(conn *net.UnixConn, answer reply, fds []int) {
	answer.Protocol, answer.Descriptors = protocol, len(fds)
	text, err := json.Marshal(answer)
	if err != nil {
		return
	}
	conn.SetWriteDeadline(time.Now().Add(clientTime))
	if _, err := conn.Write(append(text, '\n')); err != nil {
		return
	}
	for chunk := range slices.Chunk(fds, maxRights) {
		if _, _, err := conn.WriteMsgUnix([]byte{0}, unix.UnixRights(chunk...), nil); err != nil {
			return
		}
	}
}

// answer carries out a request. The descriptors are copies, for the caller to close.
func (s *server) answer(r request) (answer reply, fds []int) {
	if r.Op == opClaim {
		s.claiming.Lock() // else two who claim the same would both open it
		defer s.claiming.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return reply{Ending: true}, nil
	}
	var err error
	switch r.Op {
	case opClaim:
		answer.Specs, err = s.claim(r.Owner, r.Specs)
	case opRelease:
		s.drop(r.Owner)
	case opFetch:
		answer.Users, fds, err = s.fetch(r.Client, r.Specs)
	case opStop:
		s.end()
	case opStatus:
	default:
		err = &Error{Text: "unknown request " + r.Op}
	}
	if err != nil {
		answer = failed(err)
	}
	answer.State = s.state()
	return answer, fds
}

// failed is the reply to a request that cannot be carried out.
func failed(err error) reply {
	answer := reply{Error: err.Error(), Ending: errors.Is(err, ErrGone)}
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) {
		answer.Hint = hinter.Hint()
	}
	return answer
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
