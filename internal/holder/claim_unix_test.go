//go:build unix

package holder

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

func TestClaimChanges(t *testing.T) {
	t.Parallel()
	c, owner, dir := client(t), testkit.Sleeper(t).Process.Pid, testkit.Directory(t)
	path := dir + "/a"
	first := claim(t, c, owner, "a=0", "b=tcp::0", "unix::"+path)
	bound := first.Openings
	if bound[0].Name != "a" || bound[1].Name != "b" || bound[2].Name != "unix" || bound[0].Addr == bound[1].Addr || bound[0].Port() == 0 || !slices.Equal(first.IsNew, []bool{true, true, true}) {
		t.Fatalf("claimed are %+v", first)
	}
	isFirstOpen, isKept := waiting(t, bound[0]), waiting(t, bound[1])

	again := claim(t, c, owner, "a=0", "b=tcp::0", "unix::"+path)
	if !slices.Equal(again.Openings, bound) || !slices.Equal(again.IsNew, make([]bool, 3)) || again.PID != first.PID {
		t.Errorf("the same claim gives %+v, then %+v", first, again)
	}
	changed := claim(t, c, owner, "c=http::"+bound[1].Address(), "udp::0")
	if got := changed.Openings[0]; got.Addr != bound[1].Addr || got.Name != "c" || got.Type != "http" || !slices.Equal(changed.IsNew, []bool{false, true}) {
		t.Errorf("claimed is %v, not %v", got, bound[1])
	}
	testkit.Await(t, "the first socket to be closed", func() bool { return !isFirstOpen() })
	if !isKept() {
		t.Errorf("%s was closed in between", bound[1].Address())
	}
	if testkit.Exists(path) {
		t.Errorf("%q is claimed no more, and stays", path)
	}

	want := `folder "/nowhere/at" does not exist`
	if claimed, err := claimAll(c, owner, testkit.Openings(t, "127.0.0.1:0", "unix::"+path, "/nowhere/at/all")); err == nil || err.Error() != want {
		t.Errorf("got %+v, %v", claimed, err)
	}
	state := status(t, c)
	if len(state.Sockets) != 2 || state.Sockets[0].Opening.Addr != changed.Openings[0].Addr || state.Sockets[1].Opening.Addr != changed.Openings[1].Addr || state.PID != first.PID {
		t.Errorf("a claim that fails leaves %+v", state)
	}
	if testkit.Exists(path) {
		t.Errorf("%q is left by a claim that fails", path)
	}
}

// waiting connects to a listener that nobody serves, and returns whether the connection is still in its queue: with the
// listener it would be reset.
func waiting(t *testing.T, o spec.Opening) (isThere func() bool) {
	t.Helper()
	conn, err := net.Dial("tcp", o.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func() bool {
		conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		_, err := conn.Read(make([]byte, 1))
		return errors.Is(err, os.ErrDeadlineExceeded)
	}
}

func TestTwoOwners(t *testing.T) {
	t.Parallel()
	c, one, two := client(t), testkit.Sleeper(t), testkit.Sleeper(t)
	first := claim(t, c, one.Process.Pid, "a=http::0")
	bound := first.Openings[0]
	if again := claim(t, c, two.Process.Pid, "mine="+bound.Address()); again.Openings[0].Addr != bound.Addr || again.IsNew[0] || again.PID != first.PID {
		t.Fatalf("claimed is %+v", again)
	}
	here, err := workingDirectory()
	if err != nil {
		t.Fatal(err)
	}
	state := status(t, c)
	if len(state.Sockets) != 1 || len(state.Sockets[0].Owners) != 2 || state.Directory != here || !c.IsHere(state) || state.PID != first.PID {
		t.Fatalf("the state is %+v", state)
	}
	if got := state.Sockets[0]; got.Owners[0] != (process.Process{PID: one.Process.Pid, Name: "cat"}) || got.Users != nil || got.Since.IsZero() {
		t.Errorf("the socket is %+v", got)
	}
	testkit.End(one)
	testkit.Await(t, "one owner to be left", func() bool {
		state = status(t, c)
		return len(state.Sockets) == 1 && len(state.Sockets[0].Owners) == 1
	})
	if left := state.Sockets[0]; left.Owners[0].PID != two.Process.Pid || left.Opening.Encode() != "mine=tcp::"+bound.Address() {
		t.Errorf("left is %+v", left)
	}
	if !testkit.Listens(t, bound) {
		t.Errorf("%s is closed", bound.Address())
	}
	if err := c.Release(two.Process.Pid); err != nil {
		t.Error(err)
	}
	testkit.AwaitClosed(t, bound)
	isGone(t, c, first.PID)
	if err := c.Release(two.Process.Pid); err != nil {
		t.Errorf("nothing to release: %v", err)
	}
	if err := c.Stop(); !errors.Is(err, ErrGone) {
		t.Errorf("nothing to stop: %v", err)
	}
	if c.WasStopped() {
		t.Error("a holder that has ended by itself was stopped")
	}
}

// TestOptionsComeBack: a socket that is kept says how it was opened, also to who only fetches it.
func TestOptionsComeBack(t *testing.T) {
	t.Parallel()
	c, path := client(t), testkit.Directory(t)+"/a"
	wanted := testkit.Openings(t, "127.0.0.1:0", "http::127.0.0.1:0", "unix::"+path, "udp::127.0.0.1:0")
	wanted[0].Backlog, wanted[0].NoDelay = 77, true
	wanted[1].ReusePort, wanted[1].NoReuse = true, true
	wanted[2].Mode, wanted[2].Backlog = spec.Some[uint32](0o640), 3
	wanted[3].ReceiveBuffer = 1 << 16
	claimed, err := claimAll(c, os.Getpid(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	again, err := claimAll(c, os.Getpid(), wanted)
	if err != nil || !slices.Equal(again.Openings, claimed.Openings) {
		t.Errorf("claimed again: %v, %v", again, err)
	}
	plain := claim(t, c, testkit.Sleeper(t).Process.Pid, "0", "0", "unix::"+path, "udp::0") // who asks for nothing gets what there is
	fetched, err := c.Fetch(testkit.Openings(t, "0", "0", "unix::"+path, "udp::0"))
	if err != nil {
		t.Fatal(err)
	}
	defer CloseFetched(fetched)
	for i, o := range claimed.Openings {
		if o.Options != wanted[i].Options || plain.Openings[i].Options != o.Options || plain.IsNew[i] || fetched[i].Socket.Options != o.Options || fetched[i].Kept.Opening.Options != o.Options {
			t.Errorf("asked for was %+v; claimed are %+v and %+v, fetched %+v", wanted[i].Options, o, plain.Openings[i], fetched[i])
		}
	}
	if stat, err := os.Lstat(path); err != nil || stat.Mode() != os.ModeSocket|0o640 {
		t.Errorf("the path is %v, %v", stat, err)
	}
}

// TestOptionsDiffer: what is kept is not opened again in another way.
func TestOptionsDiffer(t *testing.T) {
	t.Parallel()
	c, path := client(t), testkit.Directory(t)+"/a"
	mine := claim(t, c, os.Getpid(), "0", "unix::"+path)
	tests := []struct {
		opening int
		change  func(o *spec.Opening)
		option  string
	}{
		{0, func(o *spec.Opening) { o.Backlog = 5 }, "backlog=5"},
		{0, func(o *spec.Opening) { o.NoReuse = true }, "no-reuse"},
		{1, func(o *spec.Opening) { o.Mode = spec.Some[uint32](0o604) }, "mode=0604"},
	}
	for _, test := range tests {
		wanted := slices.Clone(mine.Openings)
		test.change(&wanted[test.opening])
		want := fmt.Sprintf("%s is kept open, but without %s", wanted[test.opening].Address(), test.option)
		claimed, err := claimAll(c, os.Getpid(), wanted)
		if err == nil || err.Error() != want || testkit.Hint(err) != "close it first: systemfd stop" || claimed.Openings != nil {
			t.Errorf("got %+v, %v; want %q", claimed, err, want)
		}
	}
	if state := status(t, c); len(state.Sockets) != 2 || !testkit.Exists(path) {
		t.Errorf("left are %+v", state)
	}
}

func TestClaimRefuses(t *testing.T) {
	t.Parallel()
	c, dead := client(t), testkit.Sleeper(t)
	testkit.End(dead)
	mine := claim(t, c, os.Getpid(), "0", "[::]:0")
	port, every := mine.Openings[0].Port(), mine.Openings[1].Port()
	inControlDirectory := filepath.Dir(c.control) + "/a"
	tests := []struct {
		owner      int
		spec, want string
	}{
		{dead.Process.Pid, "0", fmt.Sprintf("there is no process %d to own the sockets", dead.Process.Pid)},
		{0, "0", "there is no process 0 to own the sockets"},
		{-1, "0", "there is no process -1 to own the sockets"},
		{os.Getpid(), inControlDirectory, fmt.Sprintf("cannot open %q: that folder is for the control sockets of holders", "unix::"+inControlDirectory)},
		{os.Getpid(), fmt.Sprintf("0.0.0.0:%d", port), fmt.Sprintf("0.0.0.0:%d is in use by 127.0.0.1:%d, which is kept open here", port, port)},
		{os.Getpid(), fmt.Sprintf("*:%d", port), fmt.Sprintf("[::]:%d is in use by 127.0.0.1:%d, which is kept open here", port, port)},
		{os.Getpid(), fmt.Sprintf("127.0.0.1:%d", every), fmt.Sprintf("127.0.0.1:%d is in use by %s, which is kept open here", every, mine.Openings[1].Address())},
	}
	for _, test := range tests {
		_, err := claimAll(c, test.owner, testkit.Openings(t, test.spec))
		if err == nil || err.Error() != test.want || testkit.Hint(err) == "" {
			t.Errorf("%d claims %s: got %v, want %q", test.owner, test.spec, err, test.want)
		}
	}
	if state := status(t, c); len(state.Sockets) != 2 || len(state.Sockets[0].Owners) != 1 || testkit.Exists(inControlDirectory) {
		t.Errorf("left are %+v", state)
	}
}

// TestClaimUndoes: of several sockets of which one cannot be opened, none stays, nor a directory that was made for it,
// nor a holder.
func TestClaimUndoes(t *testing.T) {
	t.Parallel()
	c, dir := client(t), testkit.Directory(t)
	address, _ := taken(t)
	wanted := testkit.Openings(t, "unix::"+dir+"/a", "unix::"+dir+"/sub/b", address)
	wanted[1].MakeDirectories = true
	_, err := claimAll(c, os.Getpid(), wanted)
	if failed, ok := errors.AsType[*socket.Error](err); !ok || !errors.Is(err, unix.EADDRINUSE) || !strings.HasPrefix(failed.Error(), address+" is in use") {
		t.Errorf("got %v", err)
	}
	if entries, _ := filepath.Glob(dir + "/*"); len(entries) > 0 {
		t.Errorf("left are %q", entries)
	}
	testkit.Await(t, "the holder to end", func() bool { return !testkit.Exists(c.control) })
}

// TestLocalhost: a host name is looked up before anything is claimed.
func TestLocalhost(t *testing.T) {
	t.Parallel()
	c := client(t)
	first := claim(t, c, os.Getpid(), "localhost:0")
	if got := first.Openings[0]; got.Host != "" || got.Addr.Addr().String() != "127.0.0.1" {
		t.Errorf("claimed is %+v", got)
	}
	if again := claim(t, c, os.Getpid(), "127.0.0.1:0"); again.IsNew[0] || again.Openings[0].Addr != first.Openings[0].Addr {
		t.Errorf("claimed again is %+v", again)
	}
}

// TestRelativePath claims paths below our working directory of a holder that works in another. It is not parallel: it
// sets the working directory.
func TestRelativePath(t *testing.T) {
	c, dir := client(t), testkit.Directory(t)
	claim(t, c, os.Getpid(), "0")
	t.Chdir(dir)
	claimed := claim(t, c, os.Getpid(), "unix::./a")
	if claimed.Openings[0].Path != dir+"/a" || !testkit.Listens(t, claimed.Openings[0]) {
		t.Errorf("claimed is %v", claimed.Openings)
	}
	if again := claim(t, c, os.Getpid(), "unix::"+dir+"/a"); again.IsNew[0] {
		t.Errorf("the same path is another socket: %v", again)
	}
	if c.IsHere(status(t, c)) {
		t.Error("the holder works elsewhere")
	}
	another := testkit.Directory(t)
	t.Chdir(another)
	if claimed := claim(t, c, testkit.Sleeper(t).Process.Pid, "unix::./a"); !claimed.IsNew[0] || claimed.Openings[0].Path != another+"/a" {
		t.Errorf("the path of another directory is %v", claimed)
	}
}

// TestDescriptorsOfClaim: a claim leaves nothing open here, whatever becomes of it. It is not parallel: it counts.
func TestDescriptorsOfClaim(t *testing.T) {
	c, dir := client(t), testkit.Directory(t)
	claim(t, c, os.Getpid(), "0")
	before := testkit.Descriptors(t)
	claim(t, c, os.Getpid(), "0", "udp::0", "unix::"+dir+"/a")
	claim(t, c, os.Getpid(), "0")
	if _, err := claimAll(c, os.Getpid(), testkit.Openings(t, "udp::0", "unix::"+dir+"/b/c")); err == nil {
		t.Error("there is no directory b")
	}
	if after := testkit.Descriptors(t); after != before {
		t.Errorf("%d descriptors, before %d", after, before)
	}
}
