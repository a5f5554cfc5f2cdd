package holder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestHolderOfAnotherUser has somebody else listen at a path of ours: root does not talk to them unless the directory is
// theirs, too.
func TestHolderOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	path := testkit.Directory(t) + "/x.sock"
	if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := testkit.As(65534, func() error { socketAt(t, path, true); return nil }); err != nil {
		t.Fatal(err)
	}
	c := &Client{control: path, peer: 0}
	const want = "is another user's (uid 65534)"
	if _, err := c.Status(); err == nil || !strings.HasSuffix(err.Error(), want) || testkit.Hint(err) == "" {
		t.Errorf("the state: %v", err)
	}
	if _, err := c.Look(testkit.Openings(t, "0")); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("found: %v", err)
	}
	if _, err := claimAll(c, os.Getpid(), testkit.Openings(t, "0")); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("claimed: %v", err)
	}
	fd, err := (&Client{control: path, peer: 65534}).connect()
	if err != nil {
		t.Fatalf("of a directory of theirs: %v", err)
	}
	unix.Close(fd)
}
