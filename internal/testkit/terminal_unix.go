//go:build unix

package testkit

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// Terminal is a shell that somebody types into.
type Terminal struct {
	*Project
	PID    int
	tty    *os.File
	typed  int           // lines
	ended  chan struct{} // closed once the shell has
	mu     sync.Mutex
	screen bytes.Buffer
}

// Terminal starts an interactive shell on a pty of its own.
func (p *Project) Terminal(argv ...string) *Terminal {
	p.T.Helper()
	cmd := p.Command(argv...)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 500})
	if err != nil {
		p.T.Fatal(err)
	}
	s := &Terminal{Project: p, PID: cmd.Process.Pid, tty: pollable(p.T, tty), ended: make(chan struct{})}
	go io.Copy(s, s.tty)
	go func() {
		cmd.Wait()
		close(s.ended)
	}()
	p.T.Cleanup(func() {
		cmd.Process.Kill()
		<-s.ended
		s.HangUp()
		if p.T.Failed() {
			p.T.Logf("on the screen of %q:\n%s", argv, s.Screen())
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
func (s *Terminal) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.screen.Write(text)
}

// Screen returns all that the shell has put on the screen.
func (s *Terminal) Screen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.screen.String()
}

// Press presses keys.
func (s *Terminal) Press(keys string) {
	s.T.Helper()
	if _, err := io.WriteString(s.tty, keys); err != nil {
		s.T.Fatal(err)
	}
}

// Types types a line and waits for nothing.
func (s *Terminal) Types(line string) {
	s.T.Helper()
	s.Press(line + "\r")
}

// Does types a line and waits until it has been carried out.
func (s *Terminal) Does(line string) {
	s.T.Helper()
	s.typed++
	done := fmt.Sprintf("typed-%d", s.typed)
	s.Types(strings.TrimSuffix(line, "\n") + "; echo done >" + s.Path(done))
	s.AwaitFile(done)
}

// HangUp closes the terminal, and leaves the shell to what it does then.
func (s *Terminal) HangUp() { s.tty.Close() }

// AwaitEnd waits until the shell has ended.
func (s *Terminal) AwaitEnd() {
	s.T.Helper()
	Await(s.T, "the shell to end", func() bool { return isClosed(s.ended) })
}
