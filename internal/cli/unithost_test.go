package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// The variables of two users: one has a relative path in one of them, which does not count; the other has all of them.
var (
	someDirectories = map[string]string{
		"XDG_CACHE_HOME": "", "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": "relative", "XDG_RUNTIME_DIR": "/run/mine", "HOME": "/home/me",
	}
	allDirectories = map[string]string{
		"XDG_CACHE_HOME": "/c", "XDG_DATA_HOME": "/d", "XDG_CONFIG_HOME": "/e", "XDG_STATE_HOME": "/s", "XDG_RUNTIME_DIR": "/t", "HOME": "/home/me",
	}
)

var directoryTests = []struct {
	environ map[string]string
	isRoot  bool
	want    map[byte]string
}{
	{allDirectories, true, map[byte]string{'C': "/var/cache", 'D': "/usr/share", 'E': "/etc", 'L': "/var/log", 'S': "/var/lib", 't': "/run"}},
	{allDirectories, false, map[byte]string{'C': "/c", 'D': "/d", 'E': "/e", 'L': "/s/log", 'S': "/s", 't': "/t"}},
	{someDirectories, false, map[byte]string{
		'C': "/home/me/.cache", 'D': "/home/me/.local/share", 'E': "/home/me/.config", 'L': "/home/me/.local/state/log",
		'S': "/home/me/.local/state", 't': "/run/mine", 'h': "/home/me",
	}},
}

// TestUnitDirectories: root's are the system's, whatever the environment says; a user's are those of the XDG variables.
func TestUnitDirectories(t *testing.T) {
	testkit.NotWindows(t, "the directories of systemd")
	for _, test := range directoryTests {
		for name, value := range test.environ {
			t.Setenv(name, value)
		}
		for specifier, want := range test.want {
			if got, err := (unitHost{"app.socket", test.isRoot}).value(specifier); err != nil || got != want {
				t.Errorf("%v, root %v: %%%c is %q, %v; want %q", test.environ, test.isRoot, specifier, got, err, want)
			}
		}
	}
}

func TestTemporary(t *testing.T) {
	testkit.NotWindows(t, "/var/tmp")
	dir := t.TempDir()
	for _, test := range []struct{ tmpdir, temp, want string }{
		{"", "", "/var/tmp"}, {dir, "", dir}, {"relative", dir, dir}, {"/no/such", "", "/var/tmp"}, {"/no/such", dir, dir},
	} {
		t.Setenv("TMPDIR", test.tmpdir)
		t.Setenv("TEMP", test.temp)
		t.Setenv("TMP", "")
		if got := temporary("/var/tmp"); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

// TestAssigned reads os-release(5) and its like.
func TestAssigned(t *testing.T) {
	t.Parallel()
	const text = "# ID=no\nID=debian\nID_LIKE=x\nVERSION_ID=\"12 \\\"a\\\" \\$b\"\nNAME='it\\s'\nEMPTY=\nTWICE=1\nTWICE=2\n"
	for name, want := range map[string]string{
		"ID": "debian", "VERSION_ID": `12 "a" $b`, "NAME": `it\s`, "EMPTY": "", "TWICE": "2", "NONE": "",
	} {
		if got := assigned(text, "\n"+name+"="); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// TestRealFile: %y of a link is what it points to.
func TestRealFile(t *testing.T) {
	t.Parallel()
	testkit.NotWindows(t, "symbolic links that anybody may make")
	dir := t.TempDir()
	link, absolute, target := filepath.Join(dir, "app.socket"), filepath.Join(dir, "abs.socket"), filepath.Join(dir, "sub", "other.socket")
	if err := os.Symlink("sub/other.socket", link); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	if err := os.Symlink(target, absolute); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	for path, want := range map[string]string{link: target, absolute: target, target: target} {
		if got, err := realFile(path); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", path, got, err, want)
		}
	}
}

func TestArchitectures(t *testing.T) {
	t.Parallel()
	for goarch, want := range map[string]string{"amd64": "x86-64", "arm64": "arm64", "riscv64": "riscv64", "ppc64le": "ppc64-le"} {
		if got := architecture(goarch); got != want {
			t.Errorf("%s is %s, want %s", goarch, got, want)
		}
	}
}
