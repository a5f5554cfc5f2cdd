package holder

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// as runs f on a thread that is another user's. The thread ends with it.
func as(t *testing.T, uid int, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	result := make(chan syscall.Errno)
	go func() {
		runtime.LockOSThread() // and never unlocks
		_, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
		if errno == 0 {
			f()
		}
		result <- errno
	}()
	if errno := <-result; errno != 0 {
		t.Fatal(errno)
	}
}

// TestHolderOfAnotherUser has somebody else listen at a path of ours: root does not talk to them unless the directory is
// theirs, too.
func TestHolderOfAnotherUser(t *testing.T) {
	t.Parallel()
	path := testkit.Directory(t) + "/x.sock"
	if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	as(t, 65534, func() { socketAt(t, path, true) })
	c := &Client{control: path, peer: 0}
	const want = "is another user's (uid 65534)"
	if _, err := c.Status(); err == nil || !strings.HasSuffix(err.Error(), want) || hint(err) == "" {
		t.Errorf("the state: %v", err)
	}
	if _, err := c.Look(openings(t, "0")); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("found: %v", err)
	}
	if _, err := claimAll(c, os.Getpid(), openings(t, "0")); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("claimed: %v", err)
	}
	fd, err := (&Client{control: path, peer: 65534}).connect()
	if err != nil {
		t.Fatalf("of a directory of theirs: %v", err)
	}
	unix.Close(fd)
}
