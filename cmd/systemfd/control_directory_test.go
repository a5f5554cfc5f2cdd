//go:build linux

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

func TestRuntimeFolderIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(t *testing.T, path string) error
		problem string
	}{
		"a symbolic link":        {func(t *testing.T, path string) error { return os.Symlink(testkit.Directory(t), path) }, "it is a symbolic link"},
		"a link to nowhere":      {func(_ *testing.T, path string) error { return os.Symlink("/nowhere", path) }, "it is a symbolic link"},
		"a file":                 {func(_ *testing.T, path string) error { return os.WriteFile(path, nil, 0o600) }, "it is not a folder"},
		"writable for the world": {func(_ *testing.T, path string) error { return makeFolder(path, 0o777) }, `others may use it \(mode 0777\)`},
		"readable for the world": {func(_ *testing.T, path string) error { return makeFolder(path, 0o755) }, `others may use it \(mode 0755\)`},
		"another user's":         {func(t *testing.T, path string) error { return makeTheirs(t, path) }, "it belongs to uid 65534"},
		"another user's, and a link": {func(t *testing.T, path string) error {
			return errors.Join(makeTheirs(t, path+"2"), os.Symlink(path+"2", path))
		}, "it is a symbolic link"},
		"writable for all, but stuck": {func(_ *testing.T, path string) error { return makeFolder(path, 0o1777) }, `others may use it \(mode 1777\)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			path := filepath.Join(p.Runtime, "systemfd")
			if err := test.prepare(t, path); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(path)
			owner, _ := testkit.Owner(t)
			want := fmt.Sprintf(`folder %q is not safe: %s\nhint: mend it, or set XDG_RUNTIME_DIR to another folder of yours\n`, path, test.problem)
			got := p.Run("env", "-s", "0", "--owner", strconv.Itoa(owner))
			if got.Status != 1 || got.Out != "false;\n" || !regexp.MustCompile(`\Aerror: `+want+`\z`).MatchString(got.Err) {
				t.Errorf("env: status %d, %s%swant %q", got.Status, got.Out, got.Err, want)
			}
			held := append(slices.Clone(p.Env), "SYSTEMFD_HOLDER="+path+"/x.sock", "SYSTEMFD_SOCKETS=tcp::"+testkit.FreePort(t), "LISTEN_FDS=1")
			got = p.With(held, "--", "probe")
			looked := "" // root may fetch from another user's holder, but starts none there
			if strings.HasPrefix(test.problem, "it belongs") {
				looked = "warning: the holder of .* is gone; starting it again\n"
			}
			if got.Status != 125 || got.Out != "" || !regexp.MustCompile(`\A`+looked+`error: `+want+`\z`).MatchString(got.Err) {
				t.Errorf("status %d, %s%swant %q", got.Status, got.Out, got.Err, want)
			}
			if pids := p.Holders(); len(pids) > 0 {
				t.Errorf("there is a holder: %v", pids)
			}
		})
	}
}

func makeFolder(path string, mode uint32) error {
	return errors.Join(os.Mkdir(path, 0o700), unix.Chmod(path, mode))
}

func makeTheirs(t *testing.T, path string) error {
	t.Helper()
	if os.Geteuid() != 0 {
		testkit.Lacks(t, "a second user, only for root,")
	}
	return errors.Join(os.Mkdir(path, 0o700), os.Chown(path, 65534, 65534))
}

// TestRuntimeFolderFallsBack keeps the control socket in /tmp if XDG_RUNTIME_DIR is of no use. All tests share
// that folder: each has a holder of its own by name.
func TestRuntimeFolderFallsBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, dir string) string{
		"unset":          func(*testing.T, string) string { return "" },
		"missing":        func(_ *testing.T, dir string) string { return dir + "/missing" },
		"with a blank":   func(_ *testing.T, dir string) string { return dir + "/with blank" },
		"with a bracket": func(_ *testing.T, dir string) string { return dir + "/[a]" },
		"not ours":       func(_ *testing.T, dir string) string { return dir + "/theirs" },
		"relative":       func(*testing.T, string) string { return "relative" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := testkit.Directory(t)
			switch name {
			case "with a blank":
				os.Mkdir(dir+"/with blank", 0o700)
			case "with a bracket":
				os.Mkdir(dir+"/[a]", 0o700)
			case "relative":
				os.Mkdir(dir+"/relative", 0o700)
			case "not ours":
				if err := makeTheirs(t, dir+"/theirs"); err != nil {
					t.Fatal(err)
				}
			}
			owner, end := testkit.Owner(t)
			own := "test-" + filepath.Base(dir)
			in := func(cmd *exec.Cmd) {
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "XDG_RUNTIME_DIR="+test(t, dir))
				if name == "unset" {
					cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "XDG_RUNTIME_DIR=") })
				}
			}
			got := testkit.HandOff(t, in, "env", "-q", "-s", "0", "--name", own, "--owner", strconv.Itoa(owner))
			control := fmt.Sprintf("/tmp/systemfd-%d/%s.sock", os.Geteuid(), own)
			t.Cleanup(func() { os.Remove(strings.TrimSuffix(control, ".sock") + ".stopped") })
			if got.Status != 0 || got.Err != "" {
				t.Fatalf("status %d, %s", got.Status, got.Err)
			}
			testkit.Says(t, got.Out, "export SYSTEMFD_HOLDER='"+regexp.QuoteMeta(control)+"';")
			if got := testkit.HandOff(t, in, "stop", own); got.Status != 0 {
				t.Errorf("stop: status %d, %s", got.Status, got.Err)
			}
			if _, err := os.Lstat(control); err == nil {
				t.Errorf("%q is left", control)
			}
			end()
		})
	}
}

// TestDeadControlSocket has a holder start in the place of one that has died, but not in the place of anything else.
func TestDeadControlSocket(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	if err := os.Mkdir(filepath.Join(p.Runtime, "systemfd"), 0o700); err != nil {
		t.Fatal(err)
	}
	control := filepath.Join(p.Runtime, "systemfd", "x.sock")
	if err := testkit.DeadSocket(control, unix.SOCK_STREAM); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"status"}, {"stop", "--all"}} {
		if got := p.Run(args...); got.Status != 0 || got.Err != "" {
			t.Errorf("%q: status %d, %s", args, got.Status, got.Err)
		}
	}
	environ := p.MustKeep(owner, "--name", "x", "-s", "0")
	if got := p.With(environ, "--", "probe"); got.Status != 0 || got.Err != "" {
		t.Errorf("status %d, %s", got.Status, got.Err)
	}
	end()
	p.AwaitNothing()
	if err := os.Mkdir(control, 0o700); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(control)
	again, _ := testkit.Owner(t)
	_, got := p.Keep(again, "--name", "x", "-s", "unix::./a.sock")
	if got.Status != 1 || !strings.HasPrefix(got.Err, "error: "+strconv.Quote(control)+" exists and is a folder, not a socket\nhint: remove it") {
		t.Errorf("status %d, %s", got.Status, got.Err)
	}
}

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

// TestRuntimeFolderCannotBeWritten has no room, or no right, for a control socket: nothing is left open or bound.
func TestRuntimeFolderCannotBeWritten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(t *testing.T, p *testkit.Project)
		want    string
	}{
		"read-only": {func(t *testing.T, p *testkit.Project) {
			mounted(t, p, "mode=700")
			if err := errors.Join(os.Mkdir(p.Runtime+"/systemfd", 0o700), unix.Mount("", p.Runtime, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")); err != nil {
				t.Fatal(err)
			}
		}, `cannot make control socket ".*\.sock": read-only file system`},
		"read-only and empty": {func(t *testing.T, p *testkit.Project) {
			mounted(t, p, "mode=700")
			if err := unix.Mount("", p.Runtime, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
		}, `cannot make folder ".*/systemfd": read-only file system`},
		"full":           {func(t *testing.T, p *testkit.Project) { mounted(t, p, "mode=700,size=4k,nr_inodes=2") }, `cannot make control socket ".*\.sock": no space left on device`},
		"full and empty": {func(t *testing.T, p *testkit.Project) { mounted(t, p, "mode=700,size=4k,nr_inodes=1") }, `cannot make folder ".*/systemfd": no space left on device`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			test.prepare(t, p)
			owner, _ := testkit.Owner(t)
			address := testkit.FreePort(t)
			got := p.Run("env", "-s", address, "-s", "unix::./a.sock", "--owner", strconv.Itoa(owner))
			want := `\Aerror: ` + test.want + `\nhint: set XDG_RUNTIME_DIR to a folder of yours that can be written to\n\z`
			if got.Status != 1 || got.Out != "false;\n" || !regexp.MustCompile(want).MatchString(got.Err) {
				t.Errorf("env: status %d, %s%swant %q", got.Status, got.Out, got.Err, want)
			}
			if !testkit.IsFree(address) {
				t.Error("the port is taken")
			}
			if _, err := os.Lstat(p.Path("a.sock")); err == nil {
				t.Error("the path is taken")
			}
			p.AwaitNothing()
		})
	}
}
