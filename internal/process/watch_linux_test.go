package process

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPidfdIsGivenBack is not parallel: another test could fork meanwhile.
func TestPidfdIsGivenBack(t *testing.T) {
	table, running, gone := &table{open: openSource}, sleeper(t).Process.Pid, zombie(t).Process.Pid
	table.mustWatch(t, os.Getpid())
	ofRunning, ofGone := pidfdsOf(t, running), pidfdsOf(t, gone) // package os has some
	first, _ := table.mustWatch(t, running)
	second, _ := table.mustWatch(t, running)
	if got := pidfdsOf(t, running); got != ofRunning+1 {
		t.Errorf("two watches of a process take %d descriptors", got-ofRunning)
	}
	s := table.source.(*pidfds)
	child, err := unix.FcntlInt(uintptr(s.of[running]), unix.F_DUPFD_CLOEXEC, 0) // as fork(2) would
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(child)
	first.Stop()
	second.Stop()
	if _, err := table.watch(gone, nil); err == nil {
		t.Error("a zombie is watched")
	}
	ending := sleeper(t)
	_, ended := table.mustWatch(t, ending.Process.Pid)
	ending.Process.Kill()
	awaitEnd(t, ended)
	if now, nowGone := pidfdsOf(t, running), pidfdsOf(t, gone); now != ofRunning+1 || nowGone != ofGone {
		t.Errorf("%d and %d descriptors are left", now-ofRunning-1, nowGone-ofGone)
	}
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", s.epoll))
	if err != nil || strings.Count(string(info), "tfd:") != 1 || len(s.of) != 1 {
		t.Errorf("of one watch, epoll has %s, %v, and there are %v", info, err, s.of)
	}
}

// pidfdsOf counts our pidfds of a process.
func pidfdsOf(t *testing.T, pid int) (count int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fdinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, _ := os.ReadFile("/proc/self/fdinfo/" + entry.Name())
		count += strings.Count(string(info), fmt.Sprintf("\nPid:\t%d\n", pid))
	}
	return count
}

// Poll ignores a negative descriptor, and epoll refuses it as it refuses a pidfd if memory ran out.
func TestEpollRefuses(t *testing.T) {
	t.Parallel()
	s, err := openSource()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s.(*pidfds).epoll)
	if err := s.(*pidfds).addFD(os.Getpid(), -1); err == nil || err.Error() != "epoll(7): bad file descriptor" {
		t.Errorf("got %v", err)
	}
}

// lateSource never says by itself that something has happened.
type lateSource struct{ source }

func (lateSource) wait() error { select {} }

// TestNumberComesAgain: a process gets the number of one whose end nobody has looked at. It runs in a pid namespace,
// whose numbers nobody else needs.
func TestNumberComesAgain(t *testing.T) {
	t.Parallel()
	if os.Getpid() != Init {
		againInNamespace(t)
		return
	}
	table := &table{open: func() (source, error) {
		s, err := openSource()
		return lateSource{s}, err
	}}
	for range 20 {
		first := sleeper(t)
		pid := first.Process.Pid
		old, oldEnded := table.mustWatch(t, pid)
		first.Process.Kill()
		first.Wait()
		second := reborn(t, pid)
		if second == nil {
			continue // a thread of ours has taken it
		}
		w, ended := table.mustWatch(t, pid)
		awaitEnd(t, oldEnded)
		if old.IsAlive() || !w.IsAlive() || len(ended) != 0 {
			t.Error("one process is taken for the other")
		}
		second.Process.Kill()
		second.Wait()
		if w.IsAlive() {
			t.Error("alive after its end")
		}
		awaitEnd(t, ended)
		return
	}
	t.Error("no number has come again")
}

func againInNamespace(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	}
	out, err := cmd.CombinedOutput()
	if cmd.Process == nil {
		t.Skip("no pid namespaces for us: ", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("%v: %s", err, out)
	}
}

// reborn starts a process with a number that is free, or returns nil.
func reborn(t *testing.T, pid int) *exec.Cmd {
	t.Helper()
	if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
		t.Fatalf("process IDs cannot be chosen: %v", err)
	}
	if cmd := sleeper(t); cmd.Process.Pid == pid {
		return cmd
	}
	return nil
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
