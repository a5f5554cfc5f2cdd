package socket

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// longestQueue is what the system makes of a longer one.
func longestQueue(t *testing.T) int {
	t.Helper()
	if !testkit.LinuxSockets {
		return 128
	}
	text, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		t.Fatal(err)
	}
	most, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return most
}

// TestBacklog asks TCP_INFO, which has a listener's queue in tcpi_sacked.
func TestBacklog(t *testing.T) {
	t.Parallel()
	most := longestQueue(t)
	for _, backlog := range []int{1, 7, 4096} {
		s := open(t, "tcp::0", spec.Options{Backlog: backlog})
		info, err := unix.GetsockoptTCPInfo(s.FD, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			t.Fatal(err)
		}
		if want := min(backlog, most); int(info.Sacked) != want {
			t.Errorf("backlog %d is %d, want %d", backlog, info.Sacked, want)
		}
	}
}

// TestUnixBacklog: a queue of N takes N+1 connections, see unix_stream_connect of the kernel.
func TestUnixBacklog(t *testing.T) {
	t.Parallel()
	for _, backlog := range []int{1, 5} {
		s := open(t, testkit.Directory(t)+"/a.sock", spec.Options{Backlog: backlog})
		taken := 0
		for ; taken < 10; taken++ {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			if err = unix.Connect(fd, &unix.SockaddrUnix{Name: s.Path}); errors.Is(err, unix.EAGAIN) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if taken != backlog+1 {
			t.Errorf("backlog %d takes %d connections, want %d", backlog, taken, backlog+1)
		}
	}
}

// TestLockedFolder: a lock on the directory is in nobody's way if the path is free. For a dead socket, another process
// that never gives its lock back is an error, after lockWait.
func TestLockedFolder(t *testing.T) {
	defer func(wait time.Duration) { lockWait = wait }(lockWait) // no other test runs meanwhile
	lockWait = 20 * time.Millisecond
	dir := realDir(t, testkit.Directory(t))
	lock(t, dir)
	free := open(t, dir+"/free.sock", options)
	deadSocket(t, dir+"/a.sock", unix.SOCK_STREAM)
	before := snapshot(t, dir)
	start := time.Now()
	err := openFails(t, dir+"/a.sock", options)
	if waited := time.Since(start); waited < lockWait {
		t.Errorf("it waits %v, want %v", waited, lockWait)
	}
	if !strings.HasPrefix(err.Error(), `cannot lock directory "`+dir+`": `) || !errors.Is(err, unix.EWOULDBLOCK) {
		t.Fatalf("%#v, %v", err, err)
	}
	if want := "another process holds flock(2) on it"; err.Hint() != want {
		t.Errorf("hint %q, want %q", err.Hint(), want)
	}
	if n := openOn(t, dir); n != 1 {
		t.Errorf("%d descriptors are open on the directory, want only our own", n)
	}
	checkSnapshot(t, dir, before)
	connects(t, free, free.Path)
}

// TestWaitForFolder: Open waits for another's lock before it replaces a dead socket, and goes on when that is given back.
func TestWaitForFolder(t *testing.T) {
	t.Parallel()
	dir := realDir(t, testkit.Directory(t))
	held := lock(t, dir)
	deadSocket(t, dir+"/a.sock", unix.SOCK_STREAM)
	done := openAside(opening(t, dir+"/a.sock", options))
	testkit.Await(t, "Open has the directory open", func() bool { return openOn(t, dir) == 2 })
	select {
	case err := <-done:
		t.Fatalf("Open does not wait: %v", err)
	default:
	}
	held.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := openOn(t, dir); n != 0 {
		t.Errorf("Open leaves %d descriptors on the directory", n)
	}
}

// openAside opens o and closes it, beside the test, and then sends the error.
func openAside(o spec.Opening) <-chan error {
	done := make(chan error)
	go func() {
		s, err := Open(o)
		if err == nil {
			err = s.Close()
		}
		done <- err
	}()
	return done
}

// openOn counts our descriptors of path.
func openOn(t *testing.T, path string) int {
	t.Helper()
	return len(slices.DeleteFunc(descriptors(t), func(fd string) bool {
		target, _ := os.Readlink("/proc/self/fd/" + fd)
		return target != path
	}))
}

// TestSharers: a child that has the socket is told, and nobody once that has ended.
func TestSharers(t *testing.T) {
	t.Parallel()
	s := open(t, "tcp::0", options)
	fd, err := unix.FcntlInt(uintptr(s.FD), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "")
	defer file.Close()
	cmd := exec.Command("sleep", "600")
	cmd.ExtraFiles = []*os.File{file}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer testkit.End(cmd)
	child := process.Process{PID: cmd.Process.Pid, Name: "sleep"}
	if got := Sharers(s.FD); !slices.Contains(got, child) || slices.Contains(got, process.Of(os.Getpid())) {
		t.Errorf("got %v, want %v", got, child)
	}
	testkit.End(cmd)
	// A child of another test has all descriptors until it execs.
	testkit.Await(t, "nobody to have it", func() bool { return len(Sharers(s.FD)) == 0 })
	if got := Sharers(-1); got != nil {
		t.Errorf("no socket: %v", got)
	}
}
