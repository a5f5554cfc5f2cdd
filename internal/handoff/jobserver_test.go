package handoff

import (
	"slices"
	"testing"
)

// shifted moves a pipe by 100, gone says that there is none.
func shifted(r, w int) (int, int, bool) { return r + 100, w + 100, true }
func kept(r, w int) (int, int, bool)    { return r, w, true }
func gone(int, int) (int, int, bool)    { return 0, 0, false }

var rewriteFlagsTests = []struct{ flags, moved, removed string }{
	{"", "", ""},
	{"k -j4", "k -j4", "k -j4"},
	{"--jobserver-auth=3,4", "--jobserver-auth=103,104", ""},
	{"--jobserver-fds=3,4 -j", "--jobserver-fds=103,104 -j", "-j"},
	{"kw -j4 --jobserver-auth=3,4 --output-sync", "kw -j4 --jobserver-auth=103,104 --output-sync", "kw -j4 --output-sync"},
	{" -j4  --jobserver-auth=3,4", " -j4  --jobserver-auth=103,104", " -j4 "},

	// the last counts, and none of the others may come to count
	{"--jobserver-auth=3,4 --jobserver-auth=5,6", "--jobserver-auth=3,4 --jobserver-auth=105,106", ""},
	{"--jobserver-fds=3,4 -j --jobserver-auth=5,6", "--jobserver-fds=3,4 -j --jobserver-auth=105,106", "-j"},
	{
		"--jobserver-auth=3,4 --jobserver-auth=fifo:/tmp/f",
		"--jobserver-auth=3,4 --jobserver-auth=fifo:/tmp/f",
		"--jobserver-auth=3,4 --jobserver-auth=fifo:/tmp/f",
	},
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
		if got := rewriteFlags(test.flags, shifted); got != test.moved {
			t.Errorf("%q moves to %q, want %q", test.flags, got, test.moved)
		}
		if got := rewriteFlags(test.flags, gone); got != test.removed {
			t.Errorf("%q without its pipe is %q, want %q", test.flags, got, test.removed)
		}
		if got := rewriteFlags(test.flags, kept); got != test.flags {
			t.Errorf("%q with its pipe where it was is %q", test.flags, got)
		}
	}
}

var jobserverEnviron = []string{
	"A=--jobserver-auth=3,4", "MAKEFLAGS= -j2 --jobserver-auth=3,4", "B=", "CARGO_MAKEFLAGS=-j --jobserver-fds=3,4 --jobserver-auth=3,4",
	"XMAKEFLAGS=--jobserver-auth=3,4", "MFLAGS=-j2 --jobserver-auth=5,6", "MAKEFLAGS", "MAKELEVEL=1",
}

var rewriteJobserverTests = map[string]struct {
	move func(r, w int) (int, int, bool)
	want []string
}{
	"moved": {shifted, []string{
		"A=--jobserver-auth=3,4", "MAKEFLAGS= -j2 --jobserver-auth=103,104", "B=", "CARGO_MAKEFLAGS=-j --jobserver-fds=3,4 --jobserver-auth=103,104",
		"XMAKEFLAGS=--jobserver-auth=3,4", "MFLAGS=-j2 --jobserver-auth=105,106", "MAKEFLAGS", "MAKELEVEL=1",
	}},
	"gone": {gone, []string{
		"A=--jobserver-auth=3,4", "MAKEFLAGS= -j2", "B=", "CARGO_MAKEFLAGS=-j",
		"XMAKEFLAGS=--jobserver-auth=3,4", "MFLAGS=-j2", "MAKEFLAGS", "MAKELEVEL=1",
	}},
	"kept": {kept, jobserverEnviron},
}

func TestRewriteJobserver(t *testing.T) {
	t.Parallel()
	environ := slices.Clone(jobserverEnviron)
	for name, test := range rewriteJobserverTests {
		if got := rewriteJobserver(environ, test.move); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		if !slices.Equal(environ, jobserverEnviron) {
			t.Fatalf("%s: it changed its argument", name)
		}
	}
}

// TestJobserverPipes: move is asked once for each variable, with the pipe that counts there.
func TestJobserverPipes(t *testing.T) {
	t.Parallel()
	var asked [][2]int
	environ := []string{"MAKEFLAGS=--jobserver-auth=3,4 --jobserver-auth=5,6", "MFLAGS=--jobserver-fds=5,6", "CARGO_MAKEFLAGS=-j"}
	rewriteJobserver(environ, func(r, w int) (int, int, bool) {
		asked = append(asked, [2]int{r, w})
		return r, w, true
	})
	if want := [][2]int{{5, 6}, {5, 6}}; !slices.Equal(asked, want) {
		t.Errorf("asked for %v, want %v", asked, want)
	}
}
