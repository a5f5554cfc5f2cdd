//go:build unix

package testkit

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// Server is a real program that takes passed sockets.
type Server struct {
	Name    string
	Command func(t *testing.T) []string
	Prepare func(t *testing.T, dir, address string) // what it needs once the port is known
	Flags   []string                                // of the systemfd right before it
	Line    bool                                    // it speaks lines, not HTTP
	Forks   bool                                    // what answers is a child of the process that was passed the sockets
	Want    string                                  // what it answers behind its process ID
}

// Ask makes one request and returns the process ID in the answer.
func (s Server) Ask(address string) (pid int, err error) {
	get := GetHTTP
	if s.Line {
		get = GetLine
	}
	body, err := get(address)
	if err != nil {
		return 0, err
	}
	first, rest, _ := strings.Cut(body, " ")
	if pid, err = strconv.Atoi(first); err != nil || rest != s.Want {
		return 0, fmt.Errorf("answer is %q, want a process ID and %q", body, s.Want)
	}
	return pid, nil
}

// MustAsk is Ask that has to work.
func (s Server) MustAsk(t *testing.T, address string) (pid int) {
	t.Helper()
	pid, err := s.Ask(address)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// Process returns the process that was passed the sockets, given the one that answered.
func (s Server) Process(pid int) int {
	if !s.Forks {
		return pid
	}
	worker, _ := list(pid)
	return worker.parent
}

// Restarts kills the server three times. Each time one request, made while it is away or not, is answered at
// the same address by another process.
func (s Server) Restarts(t *testing.T, address string) {
	t.Helper()
	pid := s.MustAsk(t, address)
	for range 3 {
		old := s.Process(pid)
		Kill(t, old)
		if pid = s.MustAsk(t, address); s.Process(pid) == old {
			t.Fatalf("process %d was killed, and answers", old)
		}
	}
}
