//go:build unix

package holder

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestControlDirectory is not parallel: it sets XDG_RUNTIME_DIR.
func TestControlDirectory(t *testing.T) {
	dir := testkit.Directory(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	fallback := fmt.Sprintf("/tmp/systemfd-%d", os.Geteuid())
	ours, long := in("ours"), in(strings.Repeat("l", 100))
	writeFile(t, in("file"))
	mkdir(t, ours, long, in("with blank"), in("it's"), in("a$b"))
	symlink(t, ours, in("link"))
	for _, value := range []string{"", "relative", in("missing"), in("file"), long, in("with blank"), in("it's"), in("a$b")} {
		checkControlDirectory(t, value, fallback)
	}
	checkControlDirectory(t, ours, ours+"/systemfd")
	checkControlDirectory(t, ours+"/", ours+"/systemfd")
	checkControlDirectory(t, in("link"), in("link")+"/systemfd")
	if os.Geteuid() == 0 {
		mkdirOfAnother(t, in("theirs"))
		checkControlDirectory(t, in("theirs"), fallback)
	}
	os.Unsetenv("XDG_RUNTIME_DIR")
	if got := controlDirectory(); got != fallback {
		t.Errorf("without XDG_RUNTIME_DIR it is %q", got)
	}
}

func checkControlDirectory(t *testing.T, value, want string) {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", value)
	if got := controlDirectory(); got != want {
		t.Errorf("XDG_RUNTIME_DIR=%q gives %q, not %q", value, got, want)
	}
}

// TestNamed is not parallel: it sets XDG_RUNTIME_DIR.
func TestNamed(t *testing.T) {
	dir := ownDirectory(t)
	for _, name := range []string{"my.app-2", "a", strings.Repeat("a", 32), "A_9"} {
		c, err := Named(name)
		if err != nil || c.Control() != dir+"/"+name+".sock" {
			t.Errorf("got %+v, %v", c, err)
		}
	}
	for _, name := range []string{".", "..", ".a", "a/b", "../a", "/", "a b", "a'b", "ä", "a\x00", "a\n", strings.Repeat("a", 33)} {
		if c, err := Named(name); err == nil || err.Error() != fmt.Sprintf("bad holder name %q", name) || testkit.Hint(err) == "" {
			t.Errorf("name %q gives %+v, %v", name, c, err)
		}
	}
	if testkit.Exists(dir) {
		t.Error("a directory is made without need")
	}
}

// controlIn returns the control socket of the holder of a working directory.
func controlIn(t *testing.T, dir string) string {
	t.Helper()
	t.Chdir(dir) // sets PWD, too
	c, err := Named("")
	if err != nil {
		t.Fatal(err)
	}
	return c.Control()
}

// TestWorkingDirectory is not parallel: it sets XDG_RUNTIME_DIR and the working directory.
func TestWorkingDirectory(t *testing.T) {
	dir, projects := ownDirectory(t), testkit.Directory(t)
	one, two, link := projects+"/one", projects+"/two", projects+"/link"
	mkdir(t, one, two)
	symlink(t, one, link)
	if controlIn(t, one) != controlIn(t, link) {
		t.Error("a symbolic link to a project has another holder")
	}
	if controlIn(t, one) == controlIn(t, two) {
		t.Error("two projects have one holder")
	}
	base, ok := strings.CutSuffix(filepath.Base(controlIn(t, one)), ".sock")
	if !ok || len(base) != 16 || strings.Trim(base, "0123456789abcdef") != "" {
		t.Errorf("%q is not 16 hex digits", base)
	}
	if testkit.Exists(dir) {
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
	if c := private(); c.IsHere(State{Directory: dir}) || c.IsHere(State{}) {
		t.Error("a directory that is gone has a holder")
	}
}

func TestPrivate(t *testing.T) {
	t.Parallel()
	first, err := Private()
	second, againErr := Private()
	if err != nil || againErr != nil {
		t.Fatal(err, againErr)
	}
	if first.Control() == second.Control() || filepath.Dir(first.Control()) != controlDirectory() ||
		len(filepath.Base(first.Control())) != len("0123456789abcdef.sock") {
		t.Errorf("two holders of one process are %q and %q", first.Control(), second.Control())
	}
}

// TestAtMissing is not parallel: it sets XDG_RUNTIME_DIR.
func TestAtMissing(t *testing.T) {
	dir := ownDirectory(t)
	elsewhere := testkit.Directory(t) + "/systemfd"
	if c, err := At(dir + "/x.sock"); err != nil || c.Control() != dir+"/x.sock" {
		t.Errorf("a holder that has gone with its directory: %+v, %v", c, err)
	}
	if _, err := At(elsewhere + "/x.sock"); err == nil {
		t.Error("a directory that is not there is another's")
	}
	if testkit.Exists(dir) || testkit.Exists(elsewhere) {
		t.Error("a directory is made by looking")
	}
}

// keyFiles are what SYSTEMFD_HOLDER must not lead to.
var keyFiles = []string{"/.ssh/id.sock", "/.ssh/id", "/systemfd/file.sock", "/systemfd/id"}

// atDirectory is XDG_RUNTIME_DIR with all that SYSTEMFD_HOLDER may name.
func atDirectory(t *testing.T) (dir string) {
	t.Helper()
	ours := ownDirectory(t)
	dir = filepath.Dir(ours)
	mkdir(t, ours, dir+"/elsewhere/systemfd", dir+"/unsafe/systemfd", dir+"/.ssh")
	chmod(t, dir+"/unsafe/systemfd", 0o755)
	for _, path := range keyFiles {
		writeFile(t, dir+path)
	}
	symlink(t, "id", ours+"/link.sock")
	symlink(t, "loop.sock", ours+"/loop.sock")
	socketAt(t, ours+"/dead.sock", false)
	symlink(t, "dead.sock", ours+"/to-socket.sock")
	return dir
}

const notYours = "not the control socket of a holder of yours"

// atTests has what SYSTEMFD_HOLDER may not say. DIR stands for XDG_RUNTIME_DIR.
var atTests = map[string]string{
	"":                                notYours,
	"x.sock":                          notYours,
	"systemfd/x.sock":                 notYours,
	"./systemfd/x.sock":               notYours,
	"DIR/systemfd/id":                 notYours,
	"DIR/systemfd/../.ssh/id.sock":    notYours,
	"DIR/systemfd/../systemfd/x.sock": notYours,
	"DIR/systemfd//x.sock":            notYours,
	"DIR/systemfd/x.sock/":            notYours,
	"DIR/.ssh/id.sock":                notYours,
	"DIR/x.sock":                      notYours,
	"/tmp/systemfd-/x.sock":           notYours,
	"/tmp/systemfd-1x/x.sock":         notYours,
	"DIR/systemfd/file.sock":          "not a socket",
	"DIR/systemfd/link.sock":          "not a socket",
	"DIR/systemfd/loop.sock":          "not a socket",
	"DIR/systemfd/to-socket.sock":     "not a socket",
	"DIR/unsafe/systemfd/x.sock":      "is not safe: others may use it (mode 0755)",
	"DIR/missing/systemfd/x.sock":     "is not safe: no such file or directory",
}

// TestAt is what SYSTEMFD_HOLDER may say: the control socket of a holder of ours, which need not be there. It is not
// parallel: it sets XDG_RUNTIME_DIR.
func TestAt(t *testing.T) {
	dir := atDirectory(t)
	for _, name := range []string{"/systemfd/none.sock", "/systemfd/dead.sock", "/elsewhere/systemfd/none.sock"} {
		if c, err := At(dir + name); err != nil || c.Control() != dir+name {
			t.Errorf("%q: %+v, %v", name, c, err)
		}
	}
	for text, want := range atTests {
		control := strings.Replace(text, "DIR", dir, 1)
		if c, err := At(control); err == nil || !strings.HasSuffix(err.Error(), want) || testkit.Hint(err) == "" {
			t.Errorf("%q: %+v, %v", control, c, err)
		}
	}
	for _, path := range keyFiles {
		if text, err := os.ReadFile(dir + path); string(text) != key {
			t.Errorf("%q is %q, %v", path, text, err)
		}
	}
	if testkit.Exists(dir + "/missing") {
		t.Error("a directory is made by looking")
	}
}

// TestAtOfAnotherUser is root with the variables of somebody else, as sudo -E has them.
func TestAtOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may use another user's holder")
	}
	theirs := testkit.Directory(t) + "/systemfd"
	mkdirOfAnother(t, theirs)
	if c, err := At(theirs + "/x.sock"); err != nil || c.(*client).peer != 65534 {
		t.Errorf("got %+v, %v", c, err)
	}
	if c, err := At(controlDirectory() + "/x.sock"); err != nil || c.(*client).peer != 0 {
		t.Errorf("our own: %+v, %v", c, err)
	}
}

// TestAll is not parallel: it sets XDG_RUNTIME_DIR.
func TestAll(t *testing.T) {
	dir := ownDirectory(t)
	if all, err := All(); all != nil || err != nil || testkit.Exists(dir) {
		t.Errorf("without a directory there are %v, %v", all, err)
	}
	mkdir(t, dir)
	socketAt(t, dir+"/dead.sock", false)
	socketAt(t, dir+"/alive.sock", true)
	socketAt(t, dir+"/other", false)
	writeFile(t, dir+"/file.sock")
	all, err := All()
	var names []string
	for _, c := range all {
		names = append(names, State{Control: c.Control()}.Name())
	}
	if !slices.Equal(names, []string{"alive", "dead"}) || err != nil {
		t.Errorf("there are %q, %v", names, err)
	}
}

// TestAllUnsafe looks for holders in directories that are not safe. It is not parallel: it sets XDG_RUNTIME_DIR.
func TestAllUnsafe(t *testing.T) {
	dir := ownDirectory(t)
	mkdir(t, dir)
	socketAt(t, dir+"/dead.sock", false)
	chmod(t, dir, 0o777)
	if all, err := All(); all != nil || err == nil || !strings.HasSuffix(err.Error(), "is not safe: others may use it (mode 0777)") {
		t.Errorf("in an unsafe directory there are %v, %v", all, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir)
	if all, err := All(); all != nil || err == nil {
		t.Errorf("in a file there are %v, %v", all, err)
	}
}
