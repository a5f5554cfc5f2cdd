//go:build unix

package holder

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// mode is that of the socket at path.
func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	stat, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if stat.Mode().Type() != os.ModeSocket {
		t.Errorf("%q is %v", path, stat.Mode())
	}
	return stat.Mode().Perm()
}

// TestUmaskIsTheClients: a socket has the umask of the client that opens it, not of the client that started the holder. It is
// not parallel: it changes the umask.
func TestUmaskIsTheClients(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	c, dir := newClient(t), testkit.Directory(t)
	one, two := testkit.Sleeper(t).Process.Pid, testkit.Sleeper(t).Process.Pid
	claim(t, c, one, dir+"/open")
	if got := mode(t, c.control); got != 0o600 {
		t.Errorf("the control socket has mode %04o", got)
	}
	unix.Umask(0o077)
	second := claim(t, c, two, dir+"/open", dir+"/private")
	unix.Umask(0o022)
	claim(t, c, os.Getpid(), dir+"/usual", dir+"/private")
	for name, want := range map[string]os.FileMode{"/open": 0o666, "/private": 0o600, "/usual": 0o644} {
		if got := mode(t, dir+name); got != want {
			t.Errorf("%s has mode %04o, not %04o", name, got, want)
		}
	}
	if got := second.Openings[1].Mode; got != spec.Some[uint32](0o600) || second.Openings[0].Mode != spec.Some[uint32](0o666) {
		t.Errorf("claimed are %+v", second)
	}
}

// TestModeComesBack: what was claimed carries its mode. Opened again under another umask, it is not open to more. It is
// not parallel: it changes the umask.
func TestModeComesBack(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	c, path := newClient(t), testkit.Directory(t)+"/private"
	claimed := claim(t, c, os.Getpid(), path)
	if _, err := c.Stop(nil); err != nil {
		t.Fatal(err)
	}
	unix.Umask(0)
	healed, err := c.Claim(os.Getpid(), claimed.Openings)
	if err != nil || mode(t, path) != 0o600 || !healed.IsNew[0] || healed.Openings[0] != claimed.Openings[0] {
		t.Errorf("opened again is %+v, %v; the mode is %04o", healed, err, mode(t, path))
	}
	if got := unix.Umask(0); got != 0 {
		t.Errorf("the umask becomes %04o", got)
	}
}

// TestLongDirectory claims paths that are too long for sun_path, first of no holder, then of one that runs. It is not
// parallel: it sets the working directory.
func TestLongDirectory(t *testing.T) {
	c := newClient(t)
	long := filepath.Join(testkit.Directory(t), strings.Repeat("l", 80), strings.Repeat("o", 80))
	mkdir(t, long)
	t.Chdir(long)
	checkPathHere(t, c, long, "a.sock")
	checkPathHere(t, c, long, "b.sock")
	fetched, err := c.Fetch(testkit.Openings(t, long+"/a.sock", long+"/b.sock"))
	if err != nil || len(fetched) != 2 || fetched[0].Socket.Path != long+"/a.sock" || fetched[1].Socket.Path != long+"/b.sock" {
		t.Errorf("fetched %+v, %v", fetched, err)
	}
	CloseFetched(fetched)
	if _, err := c.Stop(nil); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(long); len(entries) > 0 || err != nil {
		t.Errorf("left are %v, %v", entries, err)
	}
}

// checkPathHere claims a path in the working directory twice, connects to it, and uses it.
func checkPathHere(t *testing.T, c *client, dir, name string) {
	t.Helper()
	owner := testkit.Sleeper(t).Process.Pid
	claimed := claim(t, c, owner, "./"+name)
	if claimed.Openings[0].Path != filepath.Join(dir, name) || !claimed.IsNew[0] {
		t.Errorf("claimed is %+v", claimed)
	}
	if again := claim(t, c, owner, "./"+name); again.IsNew[0] || again.Openings[0] != claimed.Openings[0] {
		t.Errorf("claimed again is %+v", again)
	}
	conn, err := net.Dial("unix", name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	conn.Close()
	if used, err := c.Use(claimed.Openings); err != nil || !used[0].IsKept {
		t.Errorf("%s: %+v, %v", name, used, err)
	}
}

// TestAbstract claims a name that is no path.
func TestAbstract(t *testing.T) {
	t.Parallel()
	if err := socket.Check(spec.Spec{Type: "unix", Path: "@name"}); err != nil {
		t.Skip(err)
	}
	c := newClient(t)
	claimed := claim(t, c, os.Getpid(), "@"+c.control)
	if !claimed.IsNew[0] || claimed.Openings[0].Path != "@"+c.control || !testkit.Listens(t, claimed.Openings[0]) {
		t.Errorf("claimed is %+v", claimed)
	}
	if again := claim(t, c, os.Getpid(), "@"+c.control); again.IsNew[0] {
		t.Errorf("claimed again is %+v", again)
	}
}
