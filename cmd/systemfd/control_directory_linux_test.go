package main

import (
	"errors"
	"os"
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux: it mounts file systems of its own.

// mounted is an XDG_RUNTIME_DIR on a file system of its own.
func mounted(t *testing.T, p *testkit.Project, options string) {
	t.Helper()
	err := unix.Mount("tmpfs", p.Runtime, "tmpfs", 0, options)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		testkit.Lacks(t, "the right to mount a tmpfs")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(p.Runtime, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// readOnly is mounted for good: with a directory of control sockets, or empty.
func readOnly(t *testing.T, p *testkit.Project, isEmpty bool) {
	t.Helper()
	mounted(t, p, "mode=700")
	var err error
	if !isEmpty {
		err = os.Mkdir(p.Runtime+"/systemfd", 0o700)
	}
	if err = errors.Join(err, unix.Mount("", p.Runtime, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")); err != nil {
		t.Fatal(err)
	}
}

// unwritableFolderTest is an XDG_RUNTIME_DIR in which no control socket can be made.
type unwritableFolderTest struct {
	prepare func(t *testing.T, p *testkit.Project)
	want    string
}

var unwritableFolderTests = map[string]unwritableFolderTest{
	"read-only": {func(t *testing.T, p *testkit.Project) {
		readOnly(t, p, false)
	}, `cannot make control socket ".*\.sock": read-only file system`},
	"read-only and empty": {func(t *testing.T, p *testkit.Project) {
		readOnly(t, p, true)
	}, `cannot make directory ".*/systemfd": read-only file system`},
	"full": {func(t *testing.T, p *testkit.Project) {
		mounted(t, p, "mode=700,size=4k,nr_inodes=2")
	}, `cannot make control socket ".*\.sock": no space left on device`},
	"full and empty": {func(t *testing.T, p *testkit.Project) {
		mounted(t, p, "mode=700,size=4k,nr_inodes=1")
	}, `cannot make directory ".*/systemfd": no space left on device`},
}

// TestRuntimeFolderCannotBeWritten has no room, or no right, for a control socket: nothing is left open or bound.
func TestRuntimeFolderCannotBeWritten(t *testing.T) {
	t.Parallel()
	for name, test := range unwritableFolderTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			test.prepare(t, p)
			owner, _ := testkit.Owner(t)
			address := testkit.FreePort(t)
			got := p.Run("env", "-s", address, "-s", "unix::./a.sock", "--owner", strconv.Itoa(owner))
			want := `\Aerror: ` + test.want + `\nhint: set XDG_RUNTIME_DIR to a directory of yours that can be written to\n\z`
			if got.Status != 1 || got.Out != "false;\n" || !regexp.MustCompile(want).MatchString(got.Err) {
				t.Errorf("env: status %d, %s%swant %q", got.Status, got.Out, got.Err, want)
			}
			checkFree(t, address)
			p.IsGone("a.sock")
			p.AwaitNothing()
		})
	}
}
