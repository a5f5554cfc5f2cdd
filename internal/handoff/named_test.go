package handoff

import (
	"slices"
	"testing"
)

// shifted moves everything by 100, gone says that nothing is there.
func shifted(fd int) (int, bool) { return fd + 100, true }
func kept(fd int) (int, bool)    { return fd, true }
func gone(int) (int, bool)       { return 0, false }

var rewriteFlagsTests = []struct{ flags, moved, removed string }{
	{"", "", ""},
	{"k -j4", "k -j4", "k -j4"},
	{"--jobserver-auth=3,4", "--jobserver-auth=103,104", ""},
	{"--jobserver-fds=3,4 -j", "--jobserver-fds=103,104 -j", "-j"},
	{"kw -j4 --jobserver-auth=3,4 --output-sync", "kw -j4 --jobserver-auth=103,104 --output-sync", "kw -j4 --output-sync"},
	{" -j4  --jobserver-auth=3,4", " -j4  --jobserver-auth=103,104", " -j4 "},

	// make uses the last one, and must not use another one; an older program may read one of the others
	{"--jobserver-auth=3,4 --jobserver-auth=5,6", "--jobserver-auth=103,104 --jobserver-auth=105,106", ""},
	{"-j --jobserver-fds=3,4 --jobserver-auth=3,4", "-j --jobserver-fds=103,104 --jobserver-auth=103,104", "-j"},
	{"--jobserver-auth=3,4 --jobserver-auth=fifo:/tmp/f", "--jobserver-auth=103,104 --jobserver-auth=fifo:/tmp/f", "--jobserver-auth=fifo:/tmp/f"},
	{"--jobserver-auth=fifo:/tmp/f --jobserver-auth=3,4", "--jobserver-auth=fifo:/tmp/f --jobserver-auth=103,104", ""},

	// nothing of ours
	{"--jobserver-auth=fifo:/tmp/f", "--jobserver-auth=fifo:/tmp/f", "--jobserver-auth=fifo:/tmp/f"},
	{"--jobserver-auth=-2,-2", "--jobserver-auth=-2,-2", "--jobserver-auth=-2,-2"},
	{"--jobserver-auth=-1,4", "--jobserver-auth=-1,4", "--jobserver-auth=-1,4"},
	{"--jobserver-auth=3", "--jobserver-auth=3", "--jobserver-auth=3"},
	{"--jobserver-auth=", "--jobserver-auth=", "--jobserver-auth="},
	{"--jobserver-auth=3,4,5", "--jobserver-auth=3,4,5", "--jobserver-auth=3,4,5"},
	{"--jobserver-style=pipe --jobserver=3,4", "--jobserver-style=pipe --jobserver=3,4", "--jobserver-style=pipe --jobserver=3,4"},

	// behind "--" are variables
	{"-- --jobserver-auth=3,4", "-- --jobserver-auth=3,4", "-- --jobserver-auth=3,4"},
	{"-j --jobserver-auth=3,4 -- A=1 --jobserver-auth=5,6", "-j --jobserver-auth=103,104 -- A=1 --jobserver-auth=5,6", "-j -- A=1 --jobserver-auth=5,6"},
	{"-- A=--jobserver-auth=3,4", "-- A=--jobserver-auth=3,4", "-- A=--jobserver-auth=3,4"},
}

func TestRewriteFlags(t *testing.T) {
	t.Parallel()
	for _, test := range rewriteFlagsTests {
		if got, isThere := rewriteFlags(test.flags, shifted); got != test.moved || !isThere {
			t.Errorf("%q moves to %q, want %q", test.flags, got, test.moved)
		}
		if got, isThere := rewriteFlags(test.flags, gone); got != test.removed || !isThere {
			t.Errorf("%q without its pipe is %q, want %q", test.flags, got, test.removed)
		}
		if got, isThere := rewriteFlags(test.flags, kept); got != test.flags || !isThere {
			t.Errorf("%q with its pipe where it was is %q", test.flags, got)
		}
	}
}

// TestRewriteOnePipe: of two pipes, only one is there.
func TestRewriteOnePipe(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ flags, want string }{
		{"-j --jobserver-fds=3,4 --jobserver-auth=5,6", "-j"},
		{"-j --jobserver-fds=5,6 --jobserver-auth=3,4", "-j --jobserver-auth=103,104"},
		{"--jobserver-auth=3,6", ""},
	} {
		got, isThere := rewriteFlags(test.flags, func(fd int) (int, bool) { return fd + 100, fd < 5 })
		if got != test.want || !isThere {
			t.Errorf("%q is now %q, want %q", test.flags, got, test.want)
		}
	}
}

var namedEnviron = []string{
	"A=--jobserver-auth=3,4", "MAKEFLAGS= -j2 --jobserver-auth=3,4", "B=", "CARGO_MAKEFLAGS=-j --jobserver-fds=3,4 --jobserver-auth=3,4",
	"XMAKEFLAGS=--jobserver-auth=3,4", "MFLAGS=-j2 --jobserver-auth=5,6", "MAKEFLAGS", "MAKELEVEL=1",
	"NODE_CHANNEL_FD=3", "NODE_CHANNEL_SERIALIZATION_MODE=json", "WAYLAND_SOCKET=4", "BASH_XTRACEFD=5", "NODE_CHANNEL_FD=", "WAYLAND_SOCKET=-1", "BASH_XTRACEFD=x",
}

var rewriteNamedTests = map[string]struct {
	move mover
	want []string
}{
	"moved": {shifted, []string{
		"A=--jobserver-auth=3,4", "MAKEFLAGS= -j2 --jobserver-auth=103,104", "B=", "CARGO_MAKEFLAGS=-j --jobserver-fds=103,104 --jobserver-auth=103,104",
		"XMAKEFLAGS=--jobserver-auth=3,4", "MFLAGS=-j2 --jobserver-auth=105,106", "MAKEFLAGS", "MAKELEVEL=1",
		"NODE_CHANNEL_FD=103", "NODE_CHANNEL_SERIALIZATION_MODE=json", "WAYLAND_SOCKET=104", "BASH_XTRACEFD=105", "NODE_CHANNEL_FD=", "WAYLAND_SOCKET=-1", "BASH_XTRACEFD=x",
	}},
	"gone": {gone, []string{
		"A=--jobserver-auth=3,4", "MAKEFLAGS= -j2", "B=", "CARGO_MAKEFLAGS=-j",
		"XMAKEFLAGS=--jobserver-auth=3,4", "MFLAGS=-j2", "MAKEFLAGS", "MAKELEVEL=1",
		"NODE_CHANNEL_SERIALIZATION_MODE=json", "NODE_CHANNEL_FD=", "WAYLAND_SOCKET=-1", "BASH_XTRACEFD=x",
	}},
	"kept": {kept, namedEnviron},
}

func TestRewriteNamed(t *testing.T) {
	t.Parallel()
	environ := slices.Clone(namedEnviron)
	for name, test := range rewriteNamedTests {
		got := rewriteNamed(environ, func(fd int, _ kind) (int, bool) { return test.move(fd) })
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		if !slices.Equal(environ, namedEnviron) {
			t.Fatalf("%s: it changed its argument", name)
		}
	}
}

// TestNamedKinds: move is called for each descriptor, with its kind.
func TestNamedKinds(t *testing.T) {
	t.Parallel()
	type question struct {
		fd int
		kind
	}
	var asked []question
	environ := []string{"MAKEFLAGS=--jobserver-auth=3,4 --jobserver-auth=5,6", "CARGO_MAKEFLAGS=-j", "BASH_XTRACEFD=7", "NODE_CHANNEL_FD=8", "WAYLAND_SOCKET=9"}
	rewriteNamed(environ, func(fd int, k kind) (int, bool) {
		asked = append(asked, question{fd, k})
		return fd, true
	})
	if want := []question{{3, pipe}, {4, pipe}, {5, pipe}, {6, pipe}, {7, file}, {8, connection}, {9, connection}}; !slices.Equal(asked, want) {
		t.Errorf("asked for %v, want %v", asked, want)
	}
}
