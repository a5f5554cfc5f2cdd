package process

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// The poller refuses a regular file (EPERM of epoll_ctl(2)) as it refuses a pidfd if memory ran out.
func TestPollerRefuses(t *testing.T) {
	t.Parallel()
	fd, err := unix.Open(os.Args[0], unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	w := &Watch{pid: os.Getpid(), ended: func() { t.Error("an end is told") }}
	if err := w.waitFor(fd); err == nil || err.Error() != "epoll(7) does not take its pidfd" {
		t.Errorf("got %v", err)
	}
	if err := w.pidfd.Close(); err == nil {
		t.Error("the descriptor is left open")
	}
}

func TestPidfdOfLinux53(t *testing.T) {
	t.Parallel()
	cmd := sleeper(t)
	fd, err := openPidfd53(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{}, 1)
	w := &Watch{pid: cmd.Process.Pid, ended: func() { close(ended) }}
	if err := w.waitFor(fd); err != nil {
		t.Fatal(err)
	}
	if !w.IsAlive() {
		t.Error("not alive at first")
	}
	cmd.Process.Kill()
	awaitEnd(t, ended)
	if _, err := openPidfd53(noPID); err != unix.ESRCH {
		t.Errorf("no process: got %v", err)
	}
}

func TestPIDFDID(t *testing.T) {
	t.Parallel()
	var fs unix.Statfs_t
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		t.Skip(err)
	}
	defer unix.Close(fd)
	if err := unix.Fstatfs(fd, &fs); err != nil {
		t.Fatal(err)
	}
	isPidfs := fs.Type == 0x50494446
	if id := PIDFDID(); (id != "") != isPidfs || id != PIDFDID() {
		t.Errorf("got %q, pidfs is %v", id, isPidfs)
	}
}
