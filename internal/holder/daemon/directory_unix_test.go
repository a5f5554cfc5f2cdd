//go:build unix

package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/testkit"
)

// withMode makes a directory whose mode the umask does not change.
func withMode(path string, mode uint32) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	return unix.Chmod(path, mode)
}

var checkDirectoryTests = []struct {
	name    string
	prepare func(path string) error
	uid     int
	want    string // "" if the directory is safe
}{
	{"private", func(path string) error { return withMode(path, 0o700) }, os.Geteuid(), ""},
	{"missing", func(string) error { return nil }, os.Geteuid(), "no such file or directory"},
	{"a file", func(path string) error { return os.WriteFile(path, nil, 0o600) }, os.Geteuid(), "it is not a directory"},
	{"a symbolic link", func(path string) error { return os.Symlink(filepath.Dir(path), path) }, os.Geteuid(), "it is a symbolic link"},
	{"another's", func(path string) error { return withMode(path, 0o700) }, os.Geteuid() + 1, fmt.Sprintf("it belongs to uid %d", os.Geteuid())},
	{"writable for the world", func(path string) error { return withMode(path, 0o702) }, os.Geteuid(), "others may use it (mode 0702)"},
	{"writable for the group", func(path string) error { return withMode(path, 0o720) }, os.Geteuid(), "others may use it (mode 0720)"},
	{"open to the world", func(path string) error { return withMode(path, 0o701) }, os.Geteuid(), "others may use it (mode 0701)"},
	{"as /tmp", func(path string) error { return withMode(path, 0o1777) }, os.Geteuid(), "others may use it (mode 1777)"},
}

func TestCheckDirectory(t *testing.T) {
	t.Parallel()
	for _, test := range checkDirectoryTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := testkit.Directory(t) + "/systemfd"
			if err := test.prepare(path); err != nil {
				t.Fatal(err)
			}
			err := CheckDirectory(path, test.uid)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || err.Error() != fmt.Sprintf("directory %q is not safe: %s", path, test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			case test.want != "" && testkit.Hint(err) == "":
				t.Error("there is no way out")
			}
		})
	}
}

func TestMakeDirectory(t *testing.T) {
	t.Parallel()
	path := testkit.Directory(t) + "/systemfd"
	testkit.Umask.Lock()
	defer testkit.Umask.Unlock()
	for _, what := range []string{"a new one", "one that is there"} {
		if err := makeDirectory(path); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if stat, err := os.Stat(path); err != nil || stat.Mode().Perm() != 0o700 {
		t.Errorf("made %v, %v", stat, err)
	}
	want := fmt.Sprintf("cannot make directory %q: no such file or directory", path+"/a/b")
	if err := makeDirectory(path + "/a/b"); err == nil || err.Error() != want || testkit.Hint(err) == "" {
		t.Errorf("got %v, want %q", err, want)
	}
}

type openControlTest struct {
	name    string
	prepare func(t *testing.T, path string) error
	want    string // "" if it can be opened
}

var openControlTests = []openControlTest{
	{"no directory", func(_ *testing.T, path string) error { return os.Remove(filepath.Dir(path)) }, ""},
	{"nothing", func(*testing.T, string) error { return nil }, ""},
	{"a dead socket", func(_ *testing.T, path string) error { return testkit.DeadSocket(path, unix.SOCK_STREAM) }, ""},
	{"a live one", func(t *testing.T, path string) error {
		live := raw(t, unix.AF_UNIX, &unix.SockaddrUnix{Name: path})
		t.Cleanup(func() { live.Forget() })
		return nil
	}, `is in use`},
	{"a file", func(_ *testing.T, path string) error {
		return os.WriteFile(path, nil, 0o600)
	}, `exists and is a file, not a socket`},
	{"a link", func(_ *testing.T, path string) error {
		return os.Symlink(path+".was", path)
	}, `exists and is a symbolic link, not a socket`},
	{"an unsafe directory", func(_ *testing.T, path string) error {
		return unix.Chmod(filepath.Dir(path), 0o777)
	}, `is not safe: others may use it (mode 0777)`},
}

// TestOpenControl puts a control socket at a free path, or in place of a dead one, and nowhere else.
func TestOpenControl(t *testing.T) {
	t.Parallel()
	for _, test := range openControlTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.check(t)
		})
	}
}

func (test openControlTest) check(t *testing.T) {
	path := testkit.Directory(t) + "/systemfd/x.sock"
	testkit.Umask.Lock()
	defer testkit.Umask.Unlock()
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := test.prepare(t, path); err != nil {
		t.Fatal(err)
	}
	before, _ := os.Lstat(path)
	opened, err := OpenControl(path)
	after, _ := os.Lstat(path)
	isControl := after != nil && after.Mode() == os.ModeSocket|0o600 && opened.Path == path && opened.File() != socket.File{}
	switch {
	case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
		t.Errorf("got %v, want %q", err, test.want)
	case test.want != "" && before != nil && !os.SameFile(before, after):
		t.Error("what was there is gone")
	case test.want == "" && (err != nil || !isControl):
		t.Errorf("opened %+v, %v; the file is %v", opened, err, after)
	case test.want == "":
		opened.Close()
	}
}

// TestOpenControlTogether has many open one control socket: one gets it. It is not parallel: the umask changes.
func TestOpenControlTogether(t *testing.T) {
	defer unix.Umask(unix.Umask(0o022))
	path := testkit.Directory(t) + "/systemfd/x.sock"
	got := make(chan socket.Socket, 20)
	var all sync.WaitGroup
	for range cap(got) {
		all.Go(func() {
			if opened, err := OpenControl(path); err == nil {
				got <- opened
			} else if !errors.Is(err, unix.EADDRINUSE) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(got) != 1 {
		t.Fatalf("%d have it", len(got))
	}
	opened := <-got
	defer opened.Close()
	if opened.File() != socket.FileAt(path) {
		t.Errorf("opened %+v, which is not what is there", opened)
	}
}

// TestOpenControlFails: the error says what could not be made, and the way out.
func TestOpenControlFails(t *testing.T) {
	t.Parallel()
	path := testkit.Directory(t) + "/" + strings.Repeat("n", 300) + ".sock"
	if _, err := OpenControl(path); err == nil || !strings.HasPrefix(err.Error(), "cannot make control socket ") || testkit.Hint(err) == "" {
		t.Errorf("got %v, hint %q", err, testkit.Hint(err))
	}
}

func TestMarkOf(t *testing.T) {
	t.Parallel()
	if got := MarkOf("/run/systemfd/a.sock.sock"); got != "/run/systemfd/a.sock.stopped" {
		t.Error(got)
	}
}
