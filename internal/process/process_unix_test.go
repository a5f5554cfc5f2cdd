//go:build unix

package process

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// noPID is larger than the number of any process: pid_max of proc(5) is at most 1<<22.
const noPID = 1<<22 + 1

func TestName(t *testing.T) {
	t.Parallel()
	child := sleeper(t).Process.Pid
	program := filepath.Base(os.Args[0])
	if name := Name(child); name == "" || !strings.HasPrefix(program, name) {
		t.Errorf("got %q, want %q", name, program)
	}
	if got := Of(child); got.PID != child || got.Name != Name(child) {
		t.Errorf("got %v", got)
	}
	if got := Of(noPID); got != (Process{PID: noPID}) {
		t.Errorf("no process: got %v", got)
	}
}

// A name may look like the fields around it.
func TestStrangeName(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "a) Z 1 (b")
	if err := os.Symlink(os.Args[0], program); err != nil {
		t.Fatal(err)
	}
	cmd := helper(nil, "sleep")
	cmd.Path = program
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if name, parent, isZombie := look(cmd.Process.Pid); name != "a) Z 1 (b" || parent != os.Getpid() || isZombie {
		t.Errorf("got %q, parent %d, zombie %v", name, parent, isZombie)
	}
}

func TestParent(t *testing.T) {
	t.Parallel()
	child := sleeper(t).Process.Pid
	for pid, want := range map[int]int{os.Getpid(): os.Getppid(), child: os.Getpid(), Init: 0, noPID: 0} {
		if got := Parent(pid); got != want {
			t.Errorf("of process %d: got %d, want %d", pid, got, want)
		}
	}
}

func TestZombie(t *testing.T) {
	t.Parallel()
	cmd := zombie(t)
	cmd.Wait()
	if IsAlive(cmd.Process.Pid) {
		t.Error("a process that is gone is alive")
	}
}

func TestIsAncestor(t *testing.T) {
	t.Parallel()
	if !IsAncestor(os.Getpid()) {
		t.Error("this process is none of its own")
	}
	for _, pid := range []int{Init, 0, -1, noPID} {
		if IsAncestor(pid) {
			t.Errorf("process %d is an ancestor", pid)
		}
	}
	ancestor := func(pid int) []string { return []string{"ancestor", strconv.Itoa(pid)} }
	if got, _ := output(t, ancestor(os.Getpid())...); got != "true" {
		t.Errorf("of the child: %s", got)
	}
	if got, _ := output(t, ancestor(sleeper(t).Process.Pid)...); got != "false" {
		t.Errorf("a sibling: %s", got)
	}
	if got, _ := output(t, append([]string{"run", "run"}, ancestor(os.Getpid())...)...); got != "true" {
		t.Errorf("of the child of a grandchild: %s", got)
	}
}

func TestPeer(t *testing.T) {
	t.Parallel()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	wantPID := Unknown
	if runtime.GOOS == "linux" || runtime.GOOS == "darwin" {
		wantPID = os.Getpid()
	}
	if pid, uid, err := Peer(pair[0]); pid != wantPID || uid != os.Geteuid() || err != nil {
		t.Errorf("got pid %d, user %d, %v", pid, uid, err)
	}
}

func TestPeerOfNothing(t *testing.T) {
	t.Parallel()
	switch runtime.GOOS {
	case "openbsd", "netbsd", "dragonfly":
		t.Skip(runtime.GOOS + " does not tell who is at the other end")
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, fd := range []int{fd, -1} {
		if _, uid, err := Peer(fd); err == nil || uid != -1 {
			t.Errorf("descriptor %d has a peer, user %d", fd, uid)
		}
	}
}
