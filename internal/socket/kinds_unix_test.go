//go:build unix

package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// unixTypes are the types with a path that this system has.
func unixTypes() []spec.Type {
	types := []spec.Type{"unix", "unix-dgram"}
	if hasSeqPacket() {
		types = append(types, "unix-seqpacket")
	}
	return types
}

var unset spec.Optional[uint32]

func bits(mode uint32) spec.Optional[uint32] { return spec.Some(mode) }

// withUmask runs f under a umask, which is all of this process's: no test that uses it runs in parallel with others.
func withUmask(t *testing.T, umask int, f func()) {
	t.Helper()
	old := unix.Umask(umask)
	f()
	if after := unix.Umask(old); after != umask {
		t.Errorf("the umask is %04o, was %04o", after, umask)
	}
}

func modeOf(t *testing.T, path string) uint32 {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		t.Fatal(err)
	}
	return uint32(stat.Mode) & 0o7777
}

// TestMode: the bits asked for are exact, whatever the umask; without, it is 0666 less the umask.
func TestMode(t *testing.T) {
	dir := testkit.Directory(t)
	for _, typ := range unixTypes() {
		for _, umask := range []int{0, 0o022, 0o027, 0o077, 0o777} {
			for _, mode := range []spec.Optional[uint32]{{}, bits(0), bits(0o600), bits(0o660), bits(0o666), bits(0o777)} {
				want := 0o666 &^ uint32(umask)
				if mode.IsSet {
					want = mode.Value
				}
				withUmask(t, umask, func() {
					s, err := Open(opening(t, fmt.Sprintf("%s::%s/a.sock", typ, dir), spec.Options{Backlog: 1, Mode: mode}))
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					if got := modeOf(t, s.Path); got != want || s.Mode != spec.Some(want) {
						t.Errorf("%s, umask %04o: mode %04o, said to be %04o; want %04o", typ, umask, got, s.Mode.Value, want)
					}
				})
			}
		}
	}
}

// TestModeAtOnce: a process that looks all the time sees no other mode than the final one.
func TestModeAtOnce(t *testing.T) {
	path := testkit.Directory(t) + "/a.sock"
	stop := watchMode(path)
	withUmask(t, 0, func() {
		for range 500 {
			s, err := Open(opening(t, path, spec.Options{Backlog: 1, Mode: bits(0o600)}))
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
		}
	})
	if modes := stop(); modes[0o600] == 0 || len(modes) != 1 {
		t.Errorf("modes seen, and how often: %o", modes)
	}
}

// watchMode looks at path all the time until stop, which returns the modes seen, and how often.
func watchMode(path string) (stop func() map[uint32]int) {
	done, seen := make(chan struct{}), make(chan map[uint32]int)
	go func() {
		modes := map[uint32]int{}
		for {
			var stat unix.Stat_t
			if unix.Lstat(path, &stat) == nil {
				modes[uint32(stat.Mode)&0o7777]++
			}
			select {
			case <-done:
				seen <- modes
				return
			default:
			}
		}
	}()
	return func() map[uint32]int {
		close(done)
		return <-seen
	}
}

var folderTests = []struct {
	umask int
	mode  spec.Optional[uint32]
	want  uint32
}{
	{0o022, unset, 0o755},
	{0o077, unset, 0o700},
	{0o077, bits(0o755), 0o755},
	{0o022, bits(0o777), 0o777},
	{0o022, bits(0o1777), 0o1777},
	{0o022, bits(0o2770), 0o2770},
	{0, bits(0o700), 0o700},
}

// TestFolders: missing parents are made with exactly the bits asked for, and go with the socket.
func TestFolders(t *testing.T) {
	for _, test := range folderTests {
		dir := testkit.Directory(t)
		withUmask(t, test.umask, func() {
			s, err := Open(opening(t, dir+"/a/b/c.sock", spec.Options{Backlog: 1, MakeDirectories: true, DirectoryMode: test.mode}))
			if err != nil {
				t.Fatal(err)
			}
			for _, folder := range []string{"/a", "/a/b"} {
				if got := modeOf(t, dir+folder); got != test.want {
					t.Errorf("umask %04o: directory %s has mode %04o, want %04o", test.umask, folder, got, test.want)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		if after := snapshot(t, dir); after != "" {
			t.Errorf("it leaves\n%s", after)
		}
	}
}

// TestFoldersStay: a directory stays if others use it by now, or if it was there before.
func TestFoldersStay(t *testing.T) {
	t.Parallel()
	dir := testkit.Directory(t)
	makeFolders := spec.Options{Backlog: 1, MakeDirectories: true}
	if err := os.Mkdir(dir+"/old", 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := Open(opening(t, dir+"/old/new/a.sock", makeFolders))
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(opening(t, dir+"/old/new/b.sock", makeFolders))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := os.Stat(other.Path); err != nil {
		t.Errorf("the other's: %v", err)
	}
	other.Close()
	if _, err := os.Stat(dir + "/old"); err != nil {
		t.Errorf("the old directory: %v", err)
	}
}

// TestFoldersAfterFailure: a socket that cannot be bound leaves no directory.
func TestFoldersAfterFailure(t *testing.T) {
	dir := realDir(t, testkit.Directory(t))
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, dir)
	for _, path := range []string{dir + "/a/b/" + strings.Repeat("x", 120), dir + "/file/a/b.sock", "/proc/no/such/a.sock"} {
		openFails(t, path, spec.Options{Backlog: 1, MakeDirectories: true})
		if after := snapshot(t, dir); after != before {
			t.Errorf("%s leaves\n%s", path, after)
		}
	}
	failure := openFails(t, dir+"/file/a/b.sock", spec.Options{Backlog: 1, MakeDirectories: true})
	if want := fmt.Sprintf("cannot open directory %q: ", dir+"/file/a"); !strings.HasPrefix(failure.Error(), want) {
		t.Errorf("%v, want %s", failure, want)
	}
	if err := openFails(t, dir+"/a/b.sock", options); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("not asked to make directories: %v", err)
	}
}

// TestKinds: each kind is what it says, and is in use for a second one.
func TestKinds(t *testing.T) {
	dir := realDir(t, testkit.Directory(t))
	texts := everyKind(dir)
	var sockets []Socket
	for _, text := range texts {
		s := open(t, text, options)
		sockets = append(sockets, s)
		if s.String() != s.Name+"="+text {
			t.Errorf("%s is %s", text, s.Opening.Spec)
		}
		failure := openFails(t, text, options)
		if !errors.Is(failure, unix.EADDRINUSE) || !strings.HasPrefix(failure.Error(), s.Address()+" is in use") {
			t.Errorf("%s again: %v", text, failure)
		}
	}
	for i, s := range sockets {
		is := Describe(pass(t, s.FD))
		if is.Spec.String() != texts[i] || !is.Ready || is.Listening != (s.Type != "unix-dgram") {
			t.Errorf("%s is %+v", texts[i], is)
		}
	}
}

// everyKind has each type at a path, and at an abstract one if this system has these.
func everyKind(dir string) (texts []string) {
	for _, typ := range unixTypes() {
		texts = append(texts, fmt.Sprintf("%s::%s/%s", typ, dir, typ))
		if hasAbstract {
			texts = append(texts, fmt.Sprintf("%s::@%s/a b", typ, dir)) // one name, and each kind has it
		}
	}
	return texts
}

// TestDeadKinds: a dead socket of each kind gives way.
func TestDeadKinds(t *testing.T) {
	dir := testkit.Directory(t)
	for _, typ := range unixTypes() {
		path := fmt.Sprintf("%s/dead-%s", dir, typ)
		deadSocket(t, path, transports[typ.Transport()])
		open(t, fmt.Sprintf("%s::%s", typ, path), options)
	}
}

// TestWait returns for what arrives on any socket, and takes nothing.
func TestWait(t *testing.T) {
	t.Parallel()
	dir := testkit.Directory(t)
	for _, typ := range append([]spec.Type{"tcp", "udp"}, unixTypes()...) {
		text := string(typ) + "::0"
		if typ.Family() == spec.Unix {
			text = string(typ) + "::" + filepath.Join(dir, string(typ))
		}
		checkWait(t, open(t, text, options))
	}
}

// checkWait fails unless Wait ends when something arrives at s, which then still has it.
func checkWait(t *testing.T, s Socket) {
	t.Helper()
	quiet := open(t, "tcp::0", options)
	done := make(chan error)
	go func() { done <- Wait([]Socket{quiet, s}) }()
	select {
	case err := <-done:
		t.Fatalf("%s: Wait does not wait: %v", s.Type, err)
	case <-time.After(20 * time.Millisecond):
	}
	client := connectTo(t, s.Opening.Spec, s.Addr.Addr())
	if _, err := unix.Write(client, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("%s: %v", s.Type, err)
	}
	checkHello(t, s, arrival(t, s))
}

// arrival returns the descriptor at which data for s arrive: that of a connection, or of a datagram socket itself.
func arrival(t *testing.T, s Socket) int {
	t.Helper()
	if s.Type.Transport() == spec.Datagram {
		return s.FD
	}
	fd, _, err := unix.Accept(s.FD)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}
