//go:build linux

package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// server is a real program that takes passed sockets.
type server struct {
	name    string
	command func(t *testing.T) []string
	prepare func(t *testing.T, dir, address string) // what it needs once the port is known
	flags   []string                                // of the systemfd right before it
	line    bool                                    // it speaks lines, not HTTP
	forks   bool                                    // what answers is a child of the process that was passed the sockets
	want    string                                  // what it answers behind its process ID
}

// ask makes one request and returns the process ID in the answer.
func (s server) ask(address string) (pid int, err error) {
	get := getHTTP
	if s.line {
		get = getLine
	}
	body, err := get(address)
	if err != nil {
		return 0, err
	}
	first, rest, _ := strings.Cut(body, " ")
	if pid, err = strconv.Atoi(first); err != nil || rest != s.want {
		return 0, fmt.Errorf("answer is %q, want a process ID and %q", body, s.want)
	}
	return pid, nil
}

// process returns the process that was passed the sockets, given the one that answered.
func (s server) process(t *testing.T, pid int) int {
	t.Helper()
	if !s.forks {
		return pid
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	parent, err := strconv.Atoi(string(regexp.MustCompile(`(?m)^PPid:\s+(\d+)$`).FindSubmatch(status)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return parent
}

// restarts kills the server three times. Each time one request, made while it is away or not, is answered at
// the same address by another process.
func (s server) restarts(t *testing.T, address string) {
	t.Helper()
	pid, err := s.ask(address)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		old := s.process(t, pid)
		kill(t, old)
		if pid, err = s.ask(address); err != nil {
			t.Fatal(err)
		}
		if s.process(t, pid) == old {
			t.Fatalf("process %d was killed, and answers", old)
		}
	}
}
