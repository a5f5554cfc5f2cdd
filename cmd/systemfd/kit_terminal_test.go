//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// terminal is a shell that somebody types into.
type terminal struct {
	*project
	pid    int
	tty    *os.File
	typed  int           // lines
	ended  chan struct{} // closed once the shell has
	mu     sync.Mutex
	screen bytes.Buffer
}

// terminal starts an interactive shell on a pty of its own.
func (p *project) terminal(argv ...string) *terminal {
	p.t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	p.in(cmd)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 500})
	if err != nil {
		p.t.Fatal(err)
	}
	s := &terminal{project: p, pid: cmd.Process.Pid, tty: pollable(p.t, tty), ended: make(chan struct{})}
	go io.Copy(s, s.tty)
	go func() {
		cmd.Wait()
		close(s.ended)
	}()
	p.t.Cleanup(func() {
		select {
		case <-s.ended:
		default:
			cmd.Process.Kill()
			<-s.ended
		}
		s.tty.Close()
		if p.t.Failed() {
			s.mu.Lock()
			defer s.mu.Unlock()
			p.t.Logf("on the screen of %q:\n%s", argv, s.screen.String())
		}
	})
	return s
}

// pollable returns f as a file that Close closes at once, even if somebody reads.
func pollable(t *testing.T, f *os.File) *os.File {
	t.Helper()
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), f.Name())
}

// Write is what the shell puts on the screen.
func (s *terminal) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.screen.Write(text)
}

// types types a line and waits for nothing.
func (s *terminal) types(line string) {
	s.t.Helper()
	if _, err := io.WriteString(s.tty, line+"\r"); err != nil {
		s.t.Fatal(err)
	}
}

// does types a line and waits until it has been carried out.
func (s *terminal) does(line string) {
	s.t.Helper()
	s.typed++
	done := fmt.Sprintf("typed-%d", s.typed)
	s.types(strings.TrimSuffix(line, "\n") + "; echo done >" + s.path(done))
	s.awaitFile(done)
}

// hangUp closes the terminal, and leaves the shell to what it does then.
func (s *terminal) hangUp() { s.tty.Close() }


// awaitEnd waits until the shell has ended.
func (s *terminal) awaitEnd() {
	s.t.Helper()
	testkit.Await(s.t, "the shell to end", func() bool {
		select {
		case <-s.ended:
			return true
		default:
			return false
		}
	})
}
