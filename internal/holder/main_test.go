//go:build unix

package holder

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// TestMain is also the hidden command: the holders that these tests start are this program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Command {
		os.Exit(Main(os.Args[2:]))
	}
	for _, name := range listenfds.Variables {
		os.Unsetenv(name)
	}
	os.Exit(m.Run())
}

// folder makes a folder with a short name, for unix sockets.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sfd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// await calls ready until it says yes.
func await(t testing.TB, what string, ready func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ready(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// serving is a holder inside this process, where the race detector sees it. It holds nothing yet.
func serving(t testing.TB) *server {
	t.Helper()
	path := filepath.Join(folder(t), "x.sock")
	fd, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(os.NewFile(uintptr(fd), path), path, "/where")
	if err != nil {
		t.Fatal(err)
	}
	go s.accept()
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.end()
	})
	return s
}

func mustParse(t testing.TB, texts ...string) []spec.Spec {
	t.Helper()
	var specs []spec.Spec
	for _, text := range texts {
		s, err := spec.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, s)
	}
	return specs
}

// claim claims of a holder that runs, for a process that ends with the test.
func claimOf(t testing.TB, s *server, owner int, texts ...string) []spec.Spec {
	t.Helper()
	bound, pid, err := Claim(s.path, owner, mustParse(t, texts...), socket.Options{Backlog: 16})
	if err != nil {
		t.Fatal(err)
	}
	if pid != os.Getpid() {
		t.Fatalf("claimed of process %d, not of %d", pid, os.Getpid())
	}
	return bound
}

// listens reports whether somebody listens at an address; the connection that finds out asks for nothing.
func listens(network, address string) bool {
	c, err := net.DialTimeout(network, address, 5*time.Second)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// awaitClosed waits until nobody listens: a child that a test beside this one starts has all descriptors until it execs.
func awaitClosed(t testing.TB, address string) {
	t.Helper()
	await(t, address+" to be closed", func() bool { return !listens("tcp", address) })
}
