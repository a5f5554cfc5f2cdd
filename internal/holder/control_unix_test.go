//go:build unix

package holder

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestControlDirectory is not parallel: it sets XDG_RUNTIME_DIR.
func TestControlDirectory(t *testing.T) {
	dir := testkit.Directory(t)
	fallback := fmt.Sprintf("/tmp/systemfd-%d", os.Geteuid())
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(in("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ours, long := in("ours"), in(strings.Repeat("l", 100))
	for _, path := range []string{ours, long, in("with blank"), in("it's"), in("a$b")} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(ours, in("link")); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"": fallback, "relative": fallback, in("missing"): fallback, in("file"): fallback, long: fallback,
		in("with blank"): fallback, in("it's"): fallback, in("a$b"): fallback,
		ours: ours + "/systemfd", ours + "/": ours + "/systemfd", in("link"): in("link") + "/systemfd",
	}
	if os.Geteuid() == 0 {
		theirs := in("theirs")
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
		if got := controlDirectory(); got != want {
			t.Errorf("XDG_RUNTIME_DIR=%q gives %q, not %q", value, got, want)
		}
	}
	os.Unsetenv("XDG_RUNTIME_DIR")
	if got := controlDirectory(); got != fallback {
		t.Errorf("without XDG_RUNTIME_DIR it is %q", got)
	}
}

// TestNamed is not parallel: it sets XDG_RUNTIME_DIR and the working directory.
func TestNamed(t *testing.T) {
	dir := testkit.Directory(t)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	one, two, link := dir+"/one", dir+"/two", dir+"/link"
	for _, path := range []string{one, two} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(one, link); err != nil {
		t.Fatal(err)
	}
	in := func(dir string) string {
		t.Helper()
		t.Chdir(dir) // sets PWD, too
		c, err := Named("")
		if err != nil {
			t.Fatal(err)
		}
		return c.Control()
	}
	if in(one) != in(link) {
		t.Error("a symbolic link to a project has another holder")
	}
	if in(one) == in(two) {
		t.Error("two projects have one holder")
	}
	if base, ok := strings.CutSuffix(filepath.Base(in(one)), ".sock"); !ok || len(base) != 16 || strings.Trim(base, "0123456789abcdef") != "" {
		t.Errorf("%q is not 16 hex digits", base)
	}
	for _, name := range []string{"my.app-2", "a", strings.Repeat("a", 32), "A_9"} {
		c, err := Named(name)
		if err != nil || c.Control() != dir+"/systemfd/"+name+".sock" {
			t.Errorf("got %+v, %v", c, err)
		}
	}
	for _, name := range []string{".", "..", ".a", "a/b", "../a", "/", "a b", "a'b", "ä", "a\x00", "a\n", strings.Repeat("a", 33)} {
		if c, err := Named(name); err == nil || err.Error() != fmt.Sprintf("bad holder name %q", name) || testkit.Hint(err) == "" {
			t.Errorf("name %q gives %+v, %v", name, c, err)
		}
	}
	if testkit.Exists(dir + "/systemfd") {
		t.Error("a directory is made without need")
	}
}

// TestWorkingDirectoryIsGone is not parallel: it sets the working directory.
func TestWorkingDirectoryIsGone(t *testing.T) {
	dir := testkit.Directory(t)
	t.Chdir(dir)
	if err := os.Remove(dir); err != nil {
		t.Skip(err)
	}
	if c, err := Named(""); err == nil || !strings.HasPrefix(err.Error(), "cannot tell the working directory: ") || testkit.Hint(err) == "" {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err := Named("a"); err != nil {
		t.Errorf("of a name: %v", err)
	}
	if Private().IsHere(State{Directory: dir}) || Private().IsHere(State{}) {
		t.Error("a directory that is gone has a holder")
	}
}

func TestPrivate(t *testing.T) {
	t.Parallel()
	first, second := Private(), Private()
	if first.Control() == second.Control() || filepath.Dir(first.Control()) != controlDirectory() || len(filepath.Base(first.Control())) != len("0123456789abcdef.sock") {
		t.Errorf("two holders of one process are %q and %q", first.Control(), second.Control())
	}
}

// TestAt is what SYSTEMFD_HOLDER may say: the control socket of a holder of ours, which need not be there. It is not
// parallel: it sets XDG_RUNTIME_DIR.
func TestAt(t *testing.T) {
	dir := testkit.Directory(t)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	ours, elsewhere, unsafe := dir+"/systemfd", dir+"/elsewhere/systemfd", dir+"/unsafe/systemfd"
	if c, err := At(ours + "/x.sock"); err != nil || c.Control() != ours+"/x.sock" {
		t.Errorf("a holder that has gone with its directory: %+v, %v", c, err)
	}
	if _, err := At(elsewhere + "/x.sock"); err == nil {
		t.Error("a directory that is not there is another's")
	}
	if testkit.Exists(ours) || testkit.Exists(elsewhere) {
		t.Error("a directory is made by looking")
	}
	for _, path := range []string{ours, elsewhere, unsafe, dir + "/.ssh"} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(unsafe, 0o755); err != nil {
		t.Fatal(err)
	}
	const key = "a private key"
	for _, path := range []string{dir + "/.ssh/id.sock", dir + "/.ssh/id", ours + "/file.sock", ours + "/id"} {
		if err := os.WriteFile(path, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{ours + "/link.sock", ours + "/loop.sock"} {
		if err := os.Symlink(filepath.Base(path), path); err != nil {
			t.Fatal(err)
		}
	}
	socketAt(t, ours+"/dead.sock", false)
	if err := os.Symlink("dead.sock", ours+"/to-socket.sock"); err != nil {
		t.Fatal(err)
	}

	for _, control := range []string{ours + "/none.sock", ours + "/dead.sock", elsewhere + "/none.sock"} {
		if c, err := At(control); err != nil || c.Control() != control {
			t.Errorf("%q: %+v, %v", control, c, err)
		}
	}
	tests := map[string]string{
		"": "not the control socket of a holder of yours", "x.sock": "not the control socket of a holder of yours",
		"systemfd/x.sock":                "not the control socket of a holder of yours",
		"./systemfd/x.sock":              "not the control socket of a holder of yours",
		ours + "/id":                     "not the control socket of a holder of yours",
		ours + "/../.ssh/id.sock":        "not the control socket of a holder of yours",
		ours + "/../systemfd/x.sock":     "not the control socket of a holder of yours",
		ours + "//x.sock":                "not the control socket of a holder of yours",
		ours + "/x.sock/":                "not the control socket of a holder of yours",
		dir + "/.ssh/id.sock":            "not the control socket of a holder of yours",
		dir + "/x.sock":                  "not the control socket of a holder of yours",
		"/tmp/systemfd-/x.sock":          "not the control socket of a holder of yours",
		"/tmp/systemfd-1x/x.sock":        "not the control socket of a holder of yours",
		ours + "/file.sock":              "not a socket",
		ours + "/link.sock":              "not a socket",
		ours + "/to-socket.sock":         "not a socket",
		unsafe + "/x.sock":               "is not safe: others may use it (mode 0755)",
		dir + "/missing/systemfd/x.sock": "is not safe: no such file or directory",
	}
	for control, want := range tests {
		if c, err := At(control); err == nil || !strings.HasSuffix(err.Error(), want) || testkit.Hint(err) == "" {
			t.Errorf("%q: %+v, %v", control, c, err)
		}
	}
	for _, path := range []string{dir + "/.ssh/id.sock", dir + "/.ssh/id", ours + "/file.sock", ours + "/id"} {
		if text, err := os.ReadFile(path); string(text) != key {
			t.Errorf("%q is %q, %v", path, text, err)
		}
	}
	if testkit.Exists(dir + "/missing") {
		t.Error("a directory is made by looking")
	}
}

// socketAt leaves a socket at path, which listens until the test ends if it is to be alive.
func socketAt(t *testing.T, path string, isAlive bool) {
	t.Helper()
	if !isAlive {
		if err := testkit.DeadSocket(path, unix.SOCK_STREAM); err != nil {
			t.Fatal(err)
		}
		return
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = unix.Listen(fd, 128)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
}

// TestAtOfAnotherUser is root with the variables of somebody else, as sudo -E has them.
func TestAtOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may use another user's holder")
	}
	theirs := testkit.Directory(t) + "/systemfd"
	if err := os.Mkdir(theirs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(theirs, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if c, err := At(theirs + "/x.sock"); err != nil || c.peer != 65534 {
		t.Errorf("got %+v, %v", c, err)
	}
	if c, err := At(controlDirectory() + "/x.sock"); err != nil || c.peer != 0 {
		t.Errorf("our own: %+v, %v", c, err)
	}
}

// TestAll is not parallel: it sets XDG_RUNTIME_DIR.
func TestAll(t *testing.T) {
	dir := testkit.Directory(t)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	if all, err := All(); all != nil || err != nil || testkit.Exists(dir+"/systemfd") {
		t.Errorf("without a directory there are %v, %v", all, err)
	}
	if err := os.Mkdir(dir+"/systemfd", 0o700); err != nil {
		t.Fatal(err)
	}
	socketAt(t, dir+"/systemfd/dead.sock", false)
	socketAt(t, dir+"/systemfd/alive.sock", true)
	socketAt(t, dir+"/systemfd/other", false)
	if err := os.WriteFile(dir+"/systemfd/file.sock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := All()
	var names []string
	for _, c := range all {
		names = append(names, State{Control: c.Control()}.Name())
	}
	if !slices.Equal(names, []string{"alive", "dead"}) || err != nil {
		t.Errorf("there are %q, %v", names, err)
	}
	if err := os.Chmod(dir+"/systemfd", 0o777); err != nil {
		t.Fatal(err)
	}
	if all, err := All(); all != nil || err == nil || !strings.HasSuffix(err.Error(), "is not safe: others may use it (mode 0777)") {
		t.Errorf("in an unsafe directory there are %v, %v", all, err)
	}
	if err := os.RemoveAll(dir + "/systemfd"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/systemfd", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := All(); all != nil || err == nil {
		t.Errorf("in a file there are %v, %v", all, err)
	}
}
