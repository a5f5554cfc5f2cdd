package holder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux: it has threads of another user.

// socketOfAnother has somebody else listen, for which this has to be root.
func socketOfAnother(t *testing.T) (path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	dir := testkit.Directory(t)
	path = dir + "/x.sock"
	chmod(t, dir, 0o777)
	if err := testkit.As(65534, func() error { socketAt(t, path, true); return nil }); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestHolderOfAnotherUser has somebody else listen at a path of ours: root does not talk to them unless the directory is
// theirs, too.
func TestHolderOfAnotherUser(t *testing.T) {
	t.Parallel()
	path := socketOfAnother(t)
	c := &client{control: path, peer: 0}
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
	fd, err := (&client{control: path, peer: 65534}).connect()
	if err != nil {
		t.Fatalf("of a directory of theirs: %v", err)
	}
	unix.Close(fd)
}

// TestAtOfForeigner is somebody else with the variables of root, as below sudo -u.
func TestAtOfForeigner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	ours := testkit.Directory(t)
	for _, mode := range []os.FileMode{0o700, 0o755} { // the first cannot even be looked into
		dir := fmt.Sprintf("%s/%o/systemfd", ours, mode)
		mkdir(t, filepath.Dir(dir), dir)
		chmod(t, ours, 0o755)
		chmod(t, filepath.Dir(dir), mode)
		err := testkit.As(65534, func() error {
			_, err := At(dir + "/x.sock")
			return err
		})
		if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "of another user") || !strings.Contains(testkit.Hint(err), "--reuid 65534 ") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}
