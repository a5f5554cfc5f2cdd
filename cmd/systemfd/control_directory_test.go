//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// unsafeFolderTest is a directory of control sockets that is not used.
type unsafeFolderTest struct {
	prepare func(t *testing.T, path string) error
	problem string
}

var unsafeFolderTests = map[string]unsafeFolderTest{
	"a symbolic link":        {func(t *testing.T, path string) error { return os.Symlink(testkit.Directory(t), path) }, "it is a symbolic link"},
	"a link to nowhere":      {func(_ *testing.T, path string) error { return os.Symlink("/nowhere", path) }, "it is a symbolic link"},
	"a file":                 {func(_ *testing.T, path string) error { return os.WriteFile(path, nil, 0o600) }, "it is not a directory"},
	"writable for the world": {folder(0o777), `others may use it \(mode 0777\)`},
	"readable for the world": {folder(0o755), `others may use it \(mode 0755\)`},
	"another user's":         {makeTheirs, "it belongs to uid 65534"},
	"another user's, and a link": {func(t *testing.T, path string) error {
		return errors.Join(makeTheirs(t, path+"2"), os.Symlink(path+"2", path))
	}, "it is a symbolic link"},
	"writable for all, but stuck": {folder(0o1777), `others may use it \(mode 1777\)`},
}

func TestRuntimeFolderIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range unsafeFolderTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			path := filepath.Join(p.Runtime, "systemfd")
			if err := test.prepare(t, path); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(path)
			test.check(p, path)
			if pids := p.Holders(); len(pids) > 0 {
				t.Errorf("there is a holder: %v", pids)
			}
		})
	}
}

// check looks whether nothing is kept in the directory, and nothing is fetched from there.
func (test unsafeFolderTest) check(p *testkit.Project, path string) {
	p.T.Helper()
	owner, _ := testkit.Owner(p.T)
	want := fmt.Sprintf(`directory %q is not safe: %s\nhint: make it safe, or set XDG_RUNTIME_DIR to another directory of yours\n`, path, test.problem)
	got := p.Run("env", "-s", "0", "--owner", strconv.Itoa(owner))
	if got.Status != 1 || got.Out != "false;\n" || !regexp.MustCompile(`\Aerror: `+want+`\z`).MatchString(got.Err) {
		p.T.Errorf("env: status %d, %s%swant %q", got.Status, got.Out, got.Err, want)
	}
	got = p.With(append(told(p, path+"/x.sock"), "LISTEN_FDS=1"), "--", "probe")
	looked := "" // root may fetch from another user's holder, but starts none there
	if strings.HasPrefix(test.problem, "it belongs") {
		looked = "warning: the holder of .* is gone; starting it again\n"
	}
	if got.Status != 125 || got.Out != "" || !regexp.MustCompile(`\A`+looked+`error: `+want+`\z`).MatchString(got.Err) {
		p.T.Errorf("status %d, %s%swant %q", got.Status, got.Out, got.Err, want)
	}
}

// directory makes one of a mode.
func folder(mode uint32) func(t *testing.T, path string) error {
	return func(_ *testing.T, path string) error {
		return errors.Join(os.Mkdir(path, 0o700), unix.Chmod(path, mode))
	}
}

func makeTheirs(t *testing.T, path string) error {
	t.Helper()
	if os.Geteuid() != 0 {
		testkit.Lacks(t, "a second user, only for root,")
	}
	return errors.Join(os.Mkdir(path, 0o700), os.Chown(path, 65534, 65534))
}

// fallbackTest is an XDG_RUNTIME_DIR that cannot be used.
type fallbackTest struct {
	variable string                                // DIR is the test's directory; "" unsets it
	prepare  func(t *testing.T, path string) error // makes a directory of that name in the test's directory
}

var fallbackTests = map[string]fallbackTest{
	"unset":          {"", nil},
	"missing":        {"DIR/missing", nil},
	"with a blank":   {"DIR/with blank", folder(0o700)},
	"with a bracket": {"DIR/[a]", folder(0o700)},
	"not ours":       {"DIR/theirs", makeTheirs},
	"relative":       {"relative", folder(0o700)},
}

// TestRuntimeFolderFallsBack keeps the control socket in /tmp if XDG_RUNTIME_DIR cannot be used. All tests share
// that directory: each has a holder of its own by name.
func TestRuntimeFolderFallsBack(t *testing.T) {
	t.Parallel()
	for name, test := range fallbackTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := testkit.Directory(t)
			in := test.ready(t, dir)
			owner, end := testkit.Owner(t)
			own := "test-" + filepath.Base(dir)
			control := fmt.Sprintf("/tmp/systemfd-%d/%s.sock", os.Geteuid(), own)
			t.Cleanup(func() { os.Remove(strings.TrimSuffix(control, ".sock") + ".stopped") })
			got := testkit.HandOff(t, in, "env", "-q", "-s", "0", "--name", own, "--owner", strconv.Itoa(owner))
			checkQuiet(t, "env", got)
			testkit.Says(t, got.Out, "export SYSTEMFD_HOLDER='"+regexp.QuoteMeta(control)+"';")
			if got := testkit.HandOff(t, in, "stop", own); got.Status != 0 {
				t.Errorf("stop: status %d, %s", got.Status, got.Err)
			}
			if testkit.Exists(control) {
				t.Errorf("%q is left", control)
			}
			end()
		})
	}
}

// ready prepares the directory, and returns a function for testkit.HandOff that sets the variable.
func (test fallbackTest) ready(t *testing.T, dir string) func(*exec.Cmd) {
	t.Helper()
	if test.prepare != nil {
		if err := test.prepare(t, filepath.Join(dir, filepath.Base(test.variable))); err != nil {
			t.Fatal(err)
		}
	}
	environ := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "XDG_RUNTIME_DIR=") })
	if test.variable != "" {
		environ = append(environ, "XDG_RUNTIME_DIR="+strings.Replace(test.variable, "DIR", dir, 1))
	}
	return func(cmd *exec.Cmd) { cmd.Dir, cmd.Env = dir, environ }
}

// TestDeadControlSocket has a holder start in the place of one that has died.
func TestDeadControlSocket(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	dir := filepath.Join(p.Runtime, "systemfd")
	if err := errors.Join(os.Mkdir(dir, 0o700), testkit.DeadSocket(filepath.Join(dir, "x.sock"), unix.SOCK_STREAM)); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"status"}, {"stop", "--all"}} {
		checkQuiet(t, args[0], p.Run(args...))
	}
	environ := p.MustKeep(owner, "--name", "x", "-s", "0")
	checkPassed(p, environ)
	end()
	p.AwaitNothing()
}

// TestFolderForControlSocket has something else in the place of a control socket: no holder starts there.
func TestFolderForControlSocket(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	control := filepath.Join(p.Runtime, "systemfd", "x.sock")
	if err := os.MkdirAll(control, 0o700); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(control)
	owner, _ := testkit.Owner(t)
	_, got := p.Keep(owner, "--name", "x", "-s", "unix::./a.sock")
	if got.Status != 1 || !strings.HasPrefix(got.Err, "error: "+strconv.Quote(control)+" exists and is a directory, not a socket\nhint: remove it") {
		t.Errorf("status %d, %s", got.Status, got.Err)
	}
}
