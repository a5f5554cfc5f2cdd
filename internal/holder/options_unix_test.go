//go:build unix

package holder

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// withOptions are openings that have an option each, at least.
func withOptions(t *testing.T, path string) []spec.Opening {
	t.Helper()
	wanted := testkit.Openings(t, "127.0.0.1:0", "http::127.0.0.1:0", "unix::"+path, "udp::127.0.0.1:0")
	wanted[0].Backlog, wanted[0].NoDelay = 77, true
	wanted[1].ReusePort, wanted[1].NoReuse = true, true
	wanted[2].Mode, wanted[2].Backlog = spec.Some[uint32](0o640), 3
	wanted[3].ReceiveBuffer = 1 << 16
	return wanted
}

// TestOptionsComeBack: a socket that is kept says how it was opened, also to who asks for nothing.
func TestOptionsComeBack(t *testing.T) {
	t.Parallel()
	c, path := newClient(t), testkit.Directory(t)+"/a"
	wanted := withOptions(t, path)
	claimed, err := claimAll(c, os.Getpid(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	again, err := claimAll(c, os.Getpid(), wanted)
	if err != nil || !slices.Equal(again.Openings, claimed.Openings) {
		t.Errorf("claimed again: %v, %v", again, err)
	}
	plain := claim(t, c, testkit.Sleeper(t).Process.Pid, "0", "0", "unix::"+path, "udp::0")
	for i, o := range claimed.Openings {
		if o.Options != wanted[i].Options || plain.Openings[i].Options != o.Options || plain.IsNew[i] {
			t.Errorf("asked for was %+v; claimed are %+v and %+v", wanted[i].Options, o, plain.Openings[i])
		}
	}
	if stat, err := os.Lstat(path); err != nil || stat.Mode() != os.ModeSocket|0o640 {
		t.Errorf("the path is %v, %v", stat, err)
	}
}

// TestOptionsAreFetched: a socket that is kept says how it was opened, also to who only fetches it.
func TestOptionsAreFetched(t *testing.T) {
	t.Parallel()
	c, path := newClient(t), testkit.Directory(t)+"/a"
	wanted := withOptions(t, path)
	if _, err := claimAll(c, os.Getpid(), wanted); err != nil {
		t.Fatal(err)
	}
	fetched, err := c.Fetch(testkit.Openings(t, "0", "0", "unix::"+path, "udp::0"))
	if err != nil {
		t.Fatal(err)
	}
	defer CloseFetched(fetched)
	for i, f := range fetched {
		if f.Socket.Options != wanted[i].Options || f.Kept.Opening.Options != wanted[i].Options {
			t.Errorf("asked for was %+v; fetched is %+v", wanted[i].Options, f)
		}
	}
}

var optionsDifferTests = []struct {
	opening int
	change  func(o *spec.Opening)
	option  string
}{
	{0, func(o *spec.Opening) { o.Backlog = 5 }, "backlog=5"},
	{0, func(o *spec.Opening) { o.NoReuse = true }, "no-reuse"},
	{1, func(o *spec.Opening) { o.Mode = spec.Some[uint32](0o604) }, "mode=0604"},
}

// TestOptionsDiffer: what is kept is not opened again in another way.
func TestOptionsDiffer(t *testing.T) {
	t.Parallel()
	c, path := newClient(t), testkit.Directory(t)+"/a"
	mine := claim(t, c, os.Getpid(), "0", "unix::"+path)
	for _, test := range optionsDifferTests {
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
