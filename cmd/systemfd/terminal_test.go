//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
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

// TestColorOnTerminal has standard error on a terminal.
func TestColorOnTerminal(t *testing.T) {
	t.Parallel()
	const plain, colored = `(?m)^~> socket `, `(?m)^\x1b\[1;32m~>\x1b\[0m socket `
	tests := []struct{ variable, flag, want string }{
		{"NO_COLOR=", "--color=auto", colored},
		{"NO_COLOR=", "--color=never", plain},
		{"NO_COLOR=1", "--color=auto", plain},
		{"TERM=dumb", "--color=auto", plain},
	}
	for _, test := range tests {
		t.Run(test.variable+" "+test.flag, func(t *testing.T) {
			t.Parallel()
			s := newProject(t).terminal("env", "TERM=xterm", "NO_COLOR=", "CLICOLOR_FORCE=", test.variable, "systemfd", test.flag, "-s", "0", "--", "true")
			s.awaitEnd()
			testkit.Await(t, "the line on the screen", func() bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				return regexp.MustCompile(test.want).Match(s.screen.Bytes())
			})
		})
	}
}

// TestHolderIsDetached looks at what a holder has of who started it: nothing.
func TestHolderIsDetached(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	owner, end := sleeper(t)
	leak := textFile(t, "leak")
	got := handOff(t, func(cmd *exec.Cmd) {
		p.in(cmd)
		cmd.ExtraFiles = []*os.File{leak, leak, leak, leak}
	}, "env", "-q", "-s", "0", "-s", "unix::./a.sock", "--owner", strconv.Itoa(owner))
	if got.status != 0 || got.err != "" {
		t.Fatalf("status %d, %s", got.status, got.err)
	}
	keeper := p.holder()
	var counts map[string]int
	testkit.Await(t, "the holder to have only what it needs", func() bool { // the conversation may still be ending
		counts = map[string]int{}
		for _, file := range openFiles(t, keeper) {
			kind, _, _ := strings.Cut(file, ":[")
			counts[kind]++
		}
		own := counts["anon_inode"] + counts["pidfd"] // of the Go runtime, and to watch the owner
		return len(counts) <= 4 && counts["/dev/null"] == 3 && counts["socket"] == 3 && own == 3
	})
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", keeper)); cwd != "/" {
		t.Errorf("it is in %q, %v", cwd, err)
	}
	if session, err := unix.Getsid(keeper); session != keeper {
		t.Errorf("its session is %d, %v", session, err)
	}
	end()
	p.awaitNothing()
}
