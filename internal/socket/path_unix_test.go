//go:build unix

package socket

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("p", MaxPath)
	for _, text := range []string{"tcp::0", "name:80", "/run/a", "unix::a", "unix::" + longest, "/a/very/long/path" + strings.Repeat("/p", 100)} {
		if err := Check(parse(t, text)); err != nil {
			t.Errorf("Check(%q): %v", text, err)
		}
	}
	for _, text := range []string{"unix::" + longest + "p", "web=./" + longest + "p", "@" + longest} {
		s := parse(t, text)
		var bad *spec.Error
		if err := Check(s); !errors.As(err, &bad) {
			t.Errorf("Check(%q): %#v, want a *spec.Error", text, err)
			continue
		}
		if bad.Text != s.String() || hasAbstract && !strings.Contains(bad.Problem, "this system allows") || bad.Hint() == "" {
			t.Errorf("Check(%q): %v, hint %q", text, bad, bad.Hint())
		}
	}
}

// TestCheckSeqPacket: macOS has none, which is told before anything is opened.
func TestCheckSeqPacket(t *testing.T) {
	t.Parallel()
	err := Check(parse(t, "unix-seqpacket::/run/a"))
	if bad, isBad := errors.AsType[*spec.Error](err); isBad == hasSeqPacket() || isBad && bad.Problem != "this system has no unix seqpacket sockets" {
		t.Errorf("got %v", err)
	}
	if runtime.GOOS == "linux" && hasSeqPacket() != testkit.LinuxSockets {
		t.Errorf("there are such sockets: %v", hasSeqPacket())
	}
}

func TestLongestPath(t *testing.T) {
	t.Parallel()
	dir := testkit.Directory(t)
	path := dir + "/" + strings.Repeat("p", MaxPath-len(dir)-1)
	s := open(t, path, options)
	connects(t, s, path)
}

func TestRelativePath(t *testing.T) {
	dir := realDir(t, testkit.Directory(t))
	t.Chdir(dir)
	mkdir(t, "sub")
	for text, want := range map[string]string{
		"unix::a.sock":  dir + "/a.sock",
		"./b.sock":      dir + "/b.sock",
		"sub/c.sock":    dir + "/sub/c.sock",
		"sub/../d.sock": dir + "/sub/../d.sock",
	} {
		s := open(t, text, options)
		if s.Path != want {
			t.Errorf("Open(%q) is at %q, want %q", text, s.Path, want)
		}
		if is := boundPath(t, s.FD); is != want {
			t.Errorf("Open(%q) is bound to %q, want %q", text, is, want)
		}
		connects(t, s, want)
	}
}

type longPathTest struct{ in, path, want string }

// TestPathTooLong: if a path does not fit into sun_path, its last part is bound, from within its directory.
func TestPathTooLong(t *testing.T) {
	here := realDir(t, testkit.Directory(t))
	dir := filepath.Join(here, strings.Repeat("d", 60), strings.Repeat("e", 60))
	long := strings.Repeat("n", MaxPath)
	mkdir(t, dir)
	for name, test := range map[string]longPathTest{
		"relative":      {dir, "./a.sock", dir + "/a.sock"},
		"absolute":      {here, dir + "/a.sock", dir + "/a.sock"},
		"partly so":     {filepath.Dir(dir), filepath.Base(dir) + "/a.sock", dir + "/a.sock"},
		"no short name": {"/", dir + "/" + long, dir + "/" + long},
	} {
		t.Run(name, test.check)
	}
	if after := snapshot(t, dir); after != "" {
		t.Errorf("it leaves\n%s", after)
	}
}

func (test longPathTest) check(t *testing.T) {
	t.Chdir(test.in)
	s := open(t, "unix::"+test.path, options)
	if s.Path != test.want {
		t.Errorf("it is said to be at %q, want %q", s.Path, test.want)
	}
	if is := boundPath(t, s.FD); is != filepath.Base(test.want) {
		t.Errorf("it is bound to %q", is)
	}
	if d := Describe(s.FD); !d.Is(s.Opening.Spec) {
		t.Errorf("it is found as %v", d.Spec)
	}
	if err := openFails(t, "unix::"+test.path, options); err.Error() != test.want+" is in use" {
		t.Errorf("%v, want %s is in use", err, test.want)
	}
	if in, err := os.Getwd(); in != test.in || err != nil {
		t.Errorf("the working directory is %q, %v; it was %q", in, err, test.in)
	}
	t.Chdir(filepath.Dir(test.want))
	connects(t, s, filepath.Base(test.want))
}

type pathTakenTest struct {
	make  func(t *testing.T, path string)
	error string // with %s for the path
	hint  string
}

const (
	removeHint = "remove it, or take another path"
	stopHint   = "stop it, or take another path"
)

var pathTakenTests = map[string]pathTakenTest{
	"file":      {writeFile, `"%s" exists and is a file, not a socket`, removeHint},
	"directory": {mkdir, `"%s" exists and is a directory, not a socket`, removeHint},
	"symbolic link to a file": {
		func(t *testing.T, path string) { writeFile(t, path+".target"); symlink(t, path+".target", path) },
		`"%s" exists and is a symbolic link, not a socket`, removeHint,
	},
	"symbolic link to a dead socket": {
		func(t *testing.T, path string) {
			deadSocket(t, path+".target", unix.SOCK_STREAM)
			symlink(t, path+".target", path)
		},
		`"%s" exists and is a symbolic link, not a socket`, removeHint,
	},
	"symbolic link to nothing": {
		func(t *testing.T, path string) { symlink(t, path+".target", path) },
		`"%s" exists and is a symbolic link, not a socket`, removeHint,
	},
	"fifo": {mkfifo, `"%s" exists and is a pipe, not a socket`, removeHint},
	"listener": {
		func(t *testing.T, path string) { rawListener(t, unix.SOCK_STREAM, path) },
		"%s is in use", stopHint,
	},
	"bound, but not listening": {
		func(t *testing.T, path string) { rawUnix(t, unix.SOCK_STREAM, path) },
		"%s is in use", stopHint,
	},
	"datagram socket": {
		func(t *testing.T, path string) { rawUnix(t, unix.SOCK_DGRAM, path) },
		"%s is in use", stopHint,
	},
	"seqpacket socket": {
		func(t *testing.T, path string) { rawUnix(t, unix.SOCK_SEQPACKET, path) },
		"%s is in use", stopHint,
	},
}

// TestPathTaken has everything that may be at a path and is not a dead socket of ours: it is an error, and stays.
func TestPathTaken(t *testing.T) {
	for name, test := range pathTakenTests {
		t.Run(name, test.check)
	}
}

func (test pathTakenTest) check(t *testing.T) {
	dir := testkit.Directory(t)
	path := dir + "/a.sock"
	test.make(t, path)
	before := snapshot(t, dir)
	err := openFails(t, "unix::"+path, options)
	if want := fmt.Sprintf(test.error, path); err.Error() != want || err.Hint() != test.hint {
		t.Errorf("%v, hint %q; want %s, hint %q", err, err.Hint(), want, test.hint)
	}
	checkSnapshot(t, dir, before)
}

// TestProbeIsNoConnection: a listener does not notice that somebody asked whether it lives, a full queue does not hinder.
func TestProbeIsNoConnection(t *testing.T) {
	s := open(t, testkit.Directory(t)+"/a.sock", spec.Options{Backlog: 1})
	for range 4 {
		openFails(t, s.String(), options)
	}
	if err := unix.SetNonblock(s.FD, true); err != nil {
		t.Fatal(err)
	}
	if fd, _, err := unix.Accept(s.FD); !errors.Is(err, unix.EAGAIN) {
		unix.Close(fd)
		t.Errorf("accept: %v, want EAGAIN", err)
	}
}

func TestDeadSocketIsReplaced(t *testing.T) {
	t.Parallel()
	for name, sotype := range map[string]int{"stream": unix.SOCK_STREAM, "datagram": unix.SOCK_DGRAM} {
		path := testkit.Directory(t) + "/a.sock"
		deadSocket(t, path, sotype)
		s, err := Open(opening(t, path, options))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		connects(t, s, path)
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDeadSocketOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a socket to another user")
	}
	dir := testkit.Directory(t)
	path := dir + "/a.sock"
	deadSocket(t, path, unix.SOCK_STREAM)
	if err := os.Chown(path, 65534, -1); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, dir)
	err := openFails(t, path, options)
	if want := `"` + path + `" is a dead socket of another user (uid 65534)`; err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	checkSnapshot(t, dir, before)
}

func TestBadFolder(t *testing.T) {
	dir := testkit.Directory(t)
	writeFile(t, dir+"/file")
	before := snapshot(t, dir)
	tests := []struct{ path, error, hint string }{
		{dir + "/no/a.sock", `directory "` + dir + `/no" does not exist`, "make the directory first, or take another path"},
		{dir + "/it's no/a.sock", `directory "` + dir + `/it's no" does not exist`, "make the directory first, or take another path"},
		{dir + "/file/a.sock", `cannot open directory "` + dir + `/file": not a directory`, ""},
	}
	for _, test := range tests {
		err := openFails(t, test.path, options)
		if err.Error() != test.error || err.Hint() != test.hint {
			t.Errorf("%v, hint %q; want %s, hint %q", err, err.Hint(), test.error, test.hint)
		}
	}
	checkSnapshot(t, dir, before)
}

func TestReadOnlyFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("no directory is read-only to root")
	}
	dir := testkit.Directory(t)
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if err := openFails(t, dir+"/a.sock", options); !errors.Is(err, unix.EACCES) {
		t.Errorf("%v, want EACCES", err)
	}
}

// TestFolderIsUnlocked: Open has given its own lock back.
func TestFolderIsUnlocked(t *testing.T) {
	t.Parallel()
	dir := testkit.Directory(t)
	open(t, dir+"/a.sock", options)
	lock(t, dir)
}

// lock takes flock(2) on directory until the test ends.
func lock(t *testing.T, folder string) *os.File {
	t.Helper()
	f, err := os.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	return f
}

// snapshot says what stands in a directory: names, types, owners, inodes.
func snapshot(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, entry := range entries {
		var stat unix.Stat_t
		if err := unix.Lstat(filepath.Join(folder, entry.Name()), &stat); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, entry.Name(), entry.Type(), stat.Ino, stat.Uid)
	}
	return b.String()
}

// checkSnapshot fails if a directory is not as it was before.
func checkSnapshot(t *testing.T, folder, before string) {
	t.Helper()
	if after := snapshot(t, folder); after != before {
		t.Errorf("the directory has\n%sand had\n%s", after, before)
	}
}

func boundPath(t *testing.T, fd int) string {
	t.Helper()
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return sa.(*unix.SockaddrUnix).Name
}

func realDir(t *testing.T, dir string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func mkfifo(t *testing.T, path string) {
	t.Helper()
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}
