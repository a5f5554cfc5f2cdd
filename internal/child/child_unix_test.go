//go:build unix

package child

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/testkit"
)

// A group waits for every child of this process: tests with a group do not run at the same time.

// running is a child.
type running struct {
	*bufio.Reader          // what it prints
	stdin         *os.File // nothing comes from it
}

// startIn starts a command that has its standard output at descriptor 3, too.
func startIn(t *testing.T, g *Group, environ []string, argv ...string) running {
	t.Helper()
	stdin, ourIn := pipe(t)
	ourOut, stdout := pipe(t)
	ourOut.SetDeadline(time.Now().Add(testkit.Patience))
	t.Cleanup(func() { g.Signal(syscall.SIGKILL) })
	file, err := handoff.LookPath(argv[0])
	if err == nil {
		err = g.Start(Command{File: file, Argv: argv, Environ: environ, Files: []uintptr{stdin.Fd(), stdout.Fd(), 2, stdout.Fd()}})
	}
	if err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	stdout.Close()
	return running{bufio.NewReader(ourOut), ourIn}
}

// pipe returns its two ends, which are closed when the test ends at the latest.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	return r, w
}

// line returns the next line that a child prints.
func (r running) line(t *testing.T) string {
	t.Helper()
	text, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("it prints %q, %v", text, err)
	}
	return strings.TrimSuffix(text, "\n")
}

// rest returns what a child prints until it ends.
func (r running) rest(t *testing.T) string {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Errorf("it prints %q, %v", text, err)
	}
	return string(text)
}

// waiting returns a channel that is closed when Wait returns.
func waiting(g *Group) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		g.Wait()
		close(done)
	}()
	return done
}

func isDone(done chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// awaitNone waits until a group, and this process, has no child.
func awaitNone(t *testing.T, g *Group) {
	t.Helper()
	done := waiting(g)
	testkit.Await(t, "Wait to return", func() bool { return isDone(done) })
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("process %d is left, %v", pid, err)
	}
}

// TestGroup: children end in every way, by themselves and by signals. Each signal is sent after a line of the child.
func TestGroup(t *testing.T) {
	const loop = `; echo up; while :; do sleep 0.01; done`
	for name, test := range map[string]struct {
		script  string
		signals []syscall.Signal
		want    string
	}{
		"success":           {"echo ran", nil, "ran\n"},
		"failure":           {"exit 7", nil, ""},
		"its own signal":    {"kill -KILL $$", nil, ""},
		"signal":            {"echo up; exec sleep 1000", []syscall.Signal{syscall.SIGTERM}, "up\n"},
		"caught signal":     {"trap 'echo told; exit' TERM" + loop, []syscall.Signal{syscall.SIGTERM}, "up\ntold\n"},
		"two signals":       {"trap 'echo one' USR1; trap 'echo two; exit' TERM" + loop, []syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM}, "up\none\ntwo\n"},
		"the same again":    {"trap 'trap \"exit 3\" USR1; echo one' USR1" + loop, []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR1}, "up\none\n"},
		"ignored, and KILL": {"trap '' TERM; echo up; echo still; exec sleep 1000", []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}, "up\nstill\n"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewGroup()
			child := startIn(t, g, nil, "/bin/sh", "-c", test.script)
			got := ""
			for _, s := range test.signals {
				got += child.line(t) + "\n"
				g.Signal(s)
			}
			if got += child.rest(t); got != test.want {
				t.Errorf("it prints %q, want %q", got, test.want)
			}
			awaitNone(t, g)
		})
	}
}

// TestGroupOfMany: a signal goes to all living children, and Wait waits for the last one.
func TestGroupOfMany(t *testing.T) {
	g := NewGroup()
	g.Signal(syscall.SIGTERM) // there is nobody
	g.Wait()
	first := startIn(t, g, nil, "/bin/sh", "-c", "echo $$; exec cat")
	others := []running{}
	for range 5 {
		others = append(others, startIn(t, g, nil, "/bin/sh", "-c", "trap 'echo told; exit' TERM; echo up; while :; do sleep 0.01; done"))
	}
	done := waiting(g)
	pid, err := strconv.Atoi(first.line(t))
	if err != nil {
		t.Fatal(err)
	}
	first.stdin.Close()
	testkit.Await(t, "the first to be forgotten: its ID may be another's soon", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return !g.children[pid]
	})
	for _, child := range others {
		child.line(t)
	}
	if isDone(done) {
		t.Error("Wait returns while children live")
	}
	g.Signal(syscall.SIGTERM)
	for _, child := range others {
		if text := child.rest(t); text != "told\n" {
			t.Errorf("one prints %q", text)
		}
	}
	awaitNone(t, g)
}

// TestGroupLater: a group without children may have some again.
func TestGroupLater(t *testing.T) {
	g := NewGroup()
	for range 3 {
		if text := startIn(t, g, nil, "echo", "ran").rest(t); text != "ran\n" {
			t.Errorf("it prints %q", text)
		}
		awaitNone(t, g)
	}
}

// TestWaitedByOthers: if the system itself waits for our children, as it does if SIGCHLD is ignored, Wait returns, too.
func TestWaitedByOthers(t *testing.T) {
	signal.Ignore(syscall.SIGCHLD)
	defer signal.Notify(make(chan os.Signal, 1), syscall.SIGCHLD) // Reset would not end that
	g := NewGroup()
	startIn(t, g, nil, "true")
	awaitNone(t, g)
}

// TestStart: a command finds its arguments, the environment without NOTIFY_SOCKET, and its descriptors.
func TestStart(t *testing.T) {
	g := NewGroup()
	environ := []string{"B=2", notifySocket + "=/manager", "A=1", "X_" + notifySocket + "=3"}
	if text := startIn(t, g, environ, "env").rest(t); text != "B=2\nA=1\nX_NOTIFY_SOCKET=3\n" || environ[2] != "A=1" {
		t.Errorf("it finds %q of %q", text, environ)
	}
	if text := startIn(t, g, nil, "/bin/sh", "-c", `echo "$0 $*" >&3`, "a b", "c").rest(t); text != "a b c\n" {
		t.Errorf("it finds %q", text)
	}
	script := filepath.Join(testkit.Directory(t), "script") // without #!, which is execvp's /bin/sh
	if err := os.WriteFile(script, []byte(`echo "$0 $*"`), 0o755); err != nil {
		t.Fatal(err)
	}
	if text := startIn(t, g, nil, script, "c", "d").rest(t); text != script+" c d\n" {
		t.Errorf("it finds %q", text)
	}
	awaitNone(t, g)
}

func TestStartFails(t *testing.T) {
	g := NewGroup()
	err := g.Start(Command{File: "/no/such", Argv: []string{"such", "a"}, Files: []uintptr{0, 1, 2}})
	failure, ok := errors.AsType[*handoff.ExecError](err)
	if !ok || failure.Name != "such" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	g.Wait() // for nobody
}

// TestHasRoom counts what can be opened, and leaves nothing open.
func TestHasRoom(t *testing.T) {
	for free, counts := range map[int]map[int]bool{0: {1: false}, 1: {1: true, 2: false}, 4: {1: true, 4: true, 5: false, 99: false}} {
		undo := testkit.Exhaust(t, free)
		for count, want := range counts {
			for range 2 {
				if err := HasRoom(count); (err == nil) != want || !want && !errors.Is(err, unix.EMFILE) {
					t.Errorf("room for %d of %d: %v", count, free, err)
				}
			}
		}
		undo()
	}
}

func TestIsShort(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		unix.EMFILE: true, unix.ENFILE: true, unix.EAGAIN: true, unix.ENOMEM: true, unix.ENOBUFS: true,
		unix.ENOENT: false, unix.EACCES: false, io.EOF: false, nil: false,
	} {
		for _, err := range []error{err, fmt.Errorf("wrapped: %w", err), &handoff.ExecError{Name: "a", Err: err}} {
			if got := IsShort(err); got != want {
				t.Errorf("%v: %v", err, got)
			}
		}
	}
}
