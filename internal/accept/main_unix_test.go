//go:build unix

package accept_test

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/accept"
	"github.com/systemfd/systemfd/internal/cli"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/testkit"
)

// A Serve waits for every child of this process: the tests do not run at the same time.

func TestMain(m *testing.M) {
	switch { // the package starts this program again
	case len(os.Args) > 1 && os.Args[1] == nested[1]:
		os.Exit(cli.Main(os.Args[1:], cli.Version{}))
	case filepath.Base(os.Args[0]) == teller:
		tell()
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector would sleep a second in each
	os.Exit(m.Run())
}

// teller is a command that tells a client at descriptor 3 its process ID and its environment. A shell would change the environment.
const teller = "teller"

func tell() {
	text := strings.Join(append([]string{strconv.Itoa(os.Getpid())}, os.Environ()...), "\x00")
	if _, err := os.NewFile(3, "connection").WriteString(text); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// nested becomes the command of a connection.
var nested = []string{"systemfd", "--quiet"}

// inetd and third run a shell script per connection, which has that at its standard streams, or at descriptor 3.
func inetd(script string) accept.Service {
	return accept.Service{File: "/bin/sh", Argv: []string{"sh", "-c", script}, Environ: os.Environ(), Inetd: true}
}

func third(script string) accept.Service {
	return accept.Service{File: "/bin/sh", Argv: []string{"sh", "-c", script}, Environ: os.Environ(), PassPID: true, Nested: nested}
}

// serving is a Serve that runs.
type serving struct {
	t       *testing.T
	sockets []socket.Socket
	signals chan os.Signal
	ended   chan struct{} // closed when it has returned
	ending  os.Signal     // which it has returned
	mu      sync.Mutex
	told    []string // which functions of the service it has called, in order
}

// serve runs a service on sockets. When the test ends, processes that are left are killed.
func serve(t *testing.T, service accept.Service, specs ...string) *serving {
	t.Helper()
	s := &serving{t: t, signals: make(chan os.Signal, 1), ended: make(chan struct{})}
	for _, o := range testkit.Openings(t, specs...) {
		opened, err := socket.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		s.sockets = append(s.sockets, opened)
	}
	go s.run(service)
	t.Cleanup(func() {
		s.signals <- syscall.SIGKILL
		s.await("its end", s.hasEnded)
		close(s.signals)
	})
	return s
}

func (s *serving) run(service accept.Service) {
	defer close(s.ended)
	service.Listeners = s.sockets
	service.Ready = func() { s.tell("ready") }
	service.CleanUp = func() {
		s.tell("clean up")
		s.close()
	}
	service.Warn = func(err error) { s.tell("warning: " + err.Error()) }
	service.Fail = func(err error) { s.tell("error: " + err.Error()) }
	var err error
	if s.ending, err = accept.Serve(service, s.signals); err != nil {
		s.tell("failed: " + err.Error())
		s.close()
	}
}

func (s *serving) close() {
	for _, socket := range s.sockets {
		socket.Close()
	}
}

func (s *serving) tell(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, what)
}

// calls returns what it has called.
func (s *serving) calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.told)
}

// has reports whether it has called these, in this order, and nothing else.
func (s *serving) has(want ...string) bool { return slices.Equal(s.calls(), want) }

// must fails the test unless it has called these.
func (s *serving) must(want ...string) {
	s.t.Helper()
	if got := s.calls(); !slices.Equal(got, want) {
		s.t.Errorf("it calls %q, want %q", got, want)
	}
}

func (s *serving) hasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// await is testkit.Await that tells what was called.
func (s *serving) await(what string, isReady func() bool) {
	s.t.Helper()
	defer func() {
		if s.t.Failed() {
			s.t.Logf("it has called %q", s.calls())
		}
	}()
	testkit.Await(s.t, what, isReady)
}

// end has it end by a signal.
func (s *serving) end(signal os.Signal) {
	s.t.Helper()
	s.signals <- signal
	s.await("its end", s.hasEnded)
	if s.ending != signal {
		s.t.Errorf("it returns %v, want %v", s.ending, signal)
	}
}

// dial connects to one of the sockets.
func (s *serving) dial(i int) net.Conn {
	s.t.Helper()
	network := "tcp"
	if s.sockets[i].Path != "" {
		network = "unix"
	}
	return testkit.DialAny(s.t, network, s.sockets[i].Address())
}

// readLine returns the first line of a command, which must not have said more yet.
func readLine(t *testing.T, c net.Conn) string {
	t.Helper()
	c.SetDeadline(time.Now().Add(testkit.Patience))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatalf("it says %q, %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}
