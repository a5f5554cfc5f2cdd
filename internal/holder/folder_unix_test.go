//go:build unix

package holder

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCheckFolder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		prepare func(path string) error
		uid     int
		want    string // "" where the folder is safe
	}{
		{"private", func(path string) error { return os.Mkdir(path, 0o700) }, os.Geteuid(), ""},
		{"missing", func(string) error { return nil }, os.Geteuid(), "no such file or directory"},
		{"a file", func(path string) error { return os.WriteFile(path, nil, 0o600) }, os.Geteuid(), "it is not a folder"},
		{"a symbolic link", func(path string) error { return os.Symlink(filepath.Dir(path), path) }, os.Geteuid(), "it is a symbolic link"},
		{"another's", func(path string) error { return os.Mkdir(path, 0o700) }, os.Geteuid() + 1, fmt.Sprintf("it belongs to uid %d", os.Geteuid())},
		{"writable for the world", func(path string) error { return makeMode(path, 0o702) }, os.Geteuid(), "others may use it (mode 0702)"},
		{"writable for the group", func(path string) error { return makeMode(path, 0o720) }, os.Geteuid(), "others may use it (mode 0720)"},
		{"open to the world", func(path string) error { return makeMode(path, 0o701) }, os.Geteuid(), "others may use it (mode 0701)"},
		{"as /tmp", func(path string) error { return makeMode(path, 0o1777) }, os.Geteuid(), "others may use it (mode 1777)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(folder(t), "systemfd")
			if err := test.prepare(path); err != nil {
				t.Fatal(err)
			}
			err := checkFolder(path, test.uid)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || err.Error() != fmt.Sprintf("folder %q is not safe: %s", path, test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// makeMode makes a folder whose mode the umask does not change.
func makeMode(path string, mode uint32) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	return unix.Chmod(path, mode)
}

func TestMakeFolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(folder(t), "systemfd")
	for _, what := range []string{"a new one", "one that is there"} {
		if err := makeFolder(path); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if stat, err := os.Stat(path); err != nil || stat.Mode().Perm() != 0o700 {
		t.Errorf("made %v, %v", stat, err)
	}
	want := fmt.Sprintf("cannot make folder %q: no such file or directory", path+"/a/b")
	if err := makeFolder(path + "/a/b"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

// TestControlFolder is not parallel: it sets XDG_RUNTIME_DIR.
func TestControlFolder(t *testing.T) {
	dir := folder(t)
	fallback := fmt.Sprintf("/tmp/systemfd-%d", os.Geteuid())
	file, blank, missing, ours := filepath.Join(dir, "file"), filepath.Join(dir, "with blank"), filepath.Join(dir, "missing"), filepath.Join(dir, "ours")
	quote, long := filepath.Join(dir, "it's"), filepath.Join(dir, strings.Repeat("l", 100))
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{blank, ours, quote, long} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]string{"": fallback, missing: fallback, file: fallback, blank: fallback, quote: fallback, long: fallback, "relative": fallback, ours: ours + "/systemfd", ours + "/": ours + "/systemfd"}
	if runtime.GOOS == "darwin" {
		tests[ours], tests[ours+"/"] = fallback, fallback
	}
	if os.Geteuid() == 0 {
		theirs := filepath.Join(dir, "theirs")
		if err := os.Mkdir(theirs, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(theirs, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		tests[theirs] = fallback
	}
	for value, want := range tests {
		t.Setenv("XDG_RUNTIME_DIR", value)
		if got, err := controlFolder(); got != want || err != nil {
			t.Errorf("XDG_RUNTIME_DIR=%q gives %q, %v; want %q", value, got, err, want)
		}
	}
}

// TestControl is not parallel: it sets XDG_RUNTIME_DIR and the working directory.
func TestControl(t *testing.T) {
	if runtime.GOOS == "darwin" {
		t.Skip("macOS keeps control sockets in /tmp")
	}
	dir := folder(t)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	one, two, link := filepath.Join(dir, "one"), filepath.Join(dir, "two"), filepath.Join(dir, "link")
	for _, path := range []string{one, two} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(one, link); err != nil {
		t.Fatal(err)
	}
	in := func(dir string) string {
		t.Chdir(dir)
		control, err := Control("")
		if err != nil {
			t.Fatal(err)
		}
		return control
	}
	if in(one) != in(link) {
		t.Error("a symbolic link to a project has another holder")
	}
	if in(one) == in(two) {
		t.Error("two projects have one holder")
	}
	if base := strings.TrimSuffix(filepath.Base(in(one)), ".sock"); len(base) != 16 || strings.Trim(base, "0123456789abcdef") != "" {
		t.Errorf("%q is not 16 hex digits", base)
	}
	if control, err := Control("my.app-2"); control != dir+"/systemfd/my.app-2.sock" || err != nil {
		t.Errorf("got %q, %v", control, err)
	}
	for _, name := range []string{".", "..", ".a", "a/b", "../a", "a b", "a'b", "ä", "a\x00", strings.Repeat("a", 33)} {
		want := fmt.Sprintf("bad holder name %q", name)
		if control, err := Control(name); err == nil || err.Error() != want {
			t.Errorf("name %q gives %q, %v", name, control, err)
		}
	}
	first, err1 := Private()
	second, err2 := Private()
	if first == second || err1 != nil || err2 != nil {
		t.Errorf("two holders of one process share %q (%v, %v)", first, err1, err2)
	}
}
