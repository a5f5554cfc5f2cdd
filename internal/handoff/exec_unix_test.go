//go:build unix

package handoff

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A lookPathTest has ROOT for the directory of newLookPathRoot.
type lookPathTest struct {
	path, name string
	want       string
	err        error
}

var lookPathTests = map[string]lookPathTest{
	"the first of PATH":                   {"ROOT/a:ROOT/b", "cmd", "ROOT/a/cmd", nil},
	"order of PATH":                       {"ROOT/b:ROOT/a", "cmd", "ROOT/b/cmd", nil},
	"a directory that does not exist":     {"ROOT/no:ROOT/b", "cmd", "ROOT/b/cmd", nil},
	"a file in PATH":                      {"ROOT/file:ROOT/b", "cmd", "ROOT/b/cmd", nil},
	"relative element":                    {"b", "cmd", "b/cmd", nil},
	"PATH=.":                              {".", "here", "./here", nil},
	"PATH empty":                          {"", "here", "./here", nil},
	"empty element in front":              {":ROOT/a", "here", "./here", nil},
	"empty element behind":                {"ROOT/a:", "here", "./here", nil},
	"empty element between":               {"ROOT/a::ROOT/b", "here", "./here", nil},
	"no empty element":                    {"ROOT/a", "here", "", fs.ErrNotExist},
	"what is not executable is passed by": {"ROOT/locked:ROOT/b", "last", "ROOT/b/last", nil},
	"a directory is passed by":            {"ROOT/tree:ROOT/b", "last", "ROOT/b/last", nil},
	"not executable, and nothing better":  {"ROOT/locked:ROOT/b", "only", "", fs.ErrPermission},
	"a directory, and nothing better":     {"ROOT/tree:ROOT/b", "dir", "", unix.EISDIR},
	"not found":                           {"ROOT/a:ROOT/b", "nothing", "", fs.ErrNotExist},
	"no name":                             {"ROOT/a", "", "", fs.ErrNotExist},

	"with a slash, PATH does not count": {"ROOT/a", "b/cmd", "b/cmd", nil},
	"below the working directory":       {"ROOT/a", "./here", "./here", nil},
	"absolute":                          {"", "ROOT/b/last", "ROOT/b/last", nil},
	"slash, not found":                  {"ROOT/a", "./cmd", "", fs.ErrNotExist},
	"slash, below a file":               {"ROOT/a", "file/cmd", "", fs.ErrNotExist},
	"slash, not executable":             {"ROOT/a", "./file", "", fs.ErrPermission},
	"slash, a directory":                {"ROOT/a", "./tree", "", unix.EISDIR},
}

// TestLookPath goes through execvp(3)'s rules.
func TestLookPath(t *testing.T) {
	root := strings.NewReplacer("ROOT", newLookPathRoot(t))
	for name, test := range lookPathTests {
		test.path, test.name, test.want = root.Replace(test.path), root.Replace(test.name), root.Replace(test.want)
		test.check(t, name)
	}
}

func (test lookPathTest) check(t *testing.T, name string) {
	t.Helper()
	t.Setenv("PATH", test.path)
	got, err := LookPath(test.name)
	if test.err == nil {
		if got != test.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", name, got, err, test.want)
		}
		return
	}
	var failure *ExecError
	if !errors.As(err, &failure) || failure.Name != test.name || !errors.Is(err, test.err) {
		t.Errorf("%s: %q, %v; want an *ExecError: %v", name, got, err, test.err)
	}
}

func TestLookPathWithoutPath(t *testing.T) {
	newLookPathRoot(t)
	t.Setenv("PATH", "") // puts it back at the end
	os.Unsetenv("PATH")
	if got, err := LookPath("sh"); err != nil || !slices.Contains([]string{"/bin/sh", "/usr/bin/sh"}, got) {
		t.Errorf("without PATH: %q, %v", got, err)
	}
	if got, err := LookPath("here"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without PATH: %q, %v", got, err)
	}
}

// newLookPathRoot makes a directory, the working directory from now on, with:
//
//	here         executable
//	a/cmd        executable
//	b/cmd        executable
//	b/last       executable
//	locked/last  a file, not executable
//	locked/only  a file, not executable
//	tree/last/   a directory
//	tree/dir/    a directory
//	file         a file, not executable
func newLookPathRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	t.Chdir(root)
	for path, mode := range map[string]fs.FileMode{
		"here": 0o755, "a/cmd": 0o755, "b/cmd": 0o755, "b/last": 0o755, "locked/last": 0o644, "locked/only": 0o644, "file": 0o644,
	} {
		write(t, path, "", mode)
	}
	for _, path := range []string{"tree/last", "tree/dir"} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestExecError(t *testing.T) {
	t.Parallel()
	err := &ExecError{"a b", fs.ErrPermission}
	if got, want := err.Error(), `cannot run "a b": permission denied`; got != want || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestExecFails has the two kinds of files that LookPath accepts and exec(2) does not.
func TestExecFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tests := map[string]struct{ content, want string }{
		"interpreter":             {"#!/no/such/interpreter\n", "its interpreter does not exist"},
		"interpreter a directory": {"#!/\n", "permission denied"},
	}
	for name, test := range tests {
		file := filepath.Join(dir, name)
		write(t, file, test.content, 0o755)
		err := exec(file, []string{"cmd", "arg"}, nil)
		var failure *ExecError
		if want := `cannot run "cmd": ` + test.want; !errors.As(err, &failure) || err.Error() != want || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// TestReserveNothing: without sockets the jobserver stays where it is, and no descriptor is taken.
func TestReserveNothing(t *testing.T) {
	t.Parallel()
	environ := []string{"MAKEFLAGS=--jobserver-auth=3,4", "A=1"}
	if got, err := Reserve(environ, 0); err != nil || !slices.Equal(got, environ) {
		t.Errorf("%q, %v", got, err)
	}
}

func write(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}
