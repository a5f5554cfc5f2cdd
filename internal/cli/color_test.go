package cli

import (
	"os"
	"runtime"
	"testing"
)

type colorTest struct {
	mode, noColor, force, term string
	want                       bool
}

func (test colorTest) run(t *testing.T, f *os.File) {
	t.Helper()
	t.Setenv("NO_COLOR", test.noColor)
	t.Setenv("CLICOLOR_FORCE", test.force)
	t.Setenv("TERM", test.term)
	if got := wantsColor(test.mode, f); got != test.want {
		t.Errorf("%+v on %s: %v", test, f.Name(), got)
	}
}

func TestColorOfAFile(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, test := range []colorTest{
		{mode: "auto", term: "xterm", want: false},
		{mode: "always", term: "xterm", want: true},
		{mode: "always", noColor: "1", term: "dumb", want: true},
		{mode: "never", force: "1", term: "xterm", want: false},
		{mode: "auto", force: "1", want: true},
		{mode: "auto", force: "0", want: false},
		{mode: "auto", force: "1", term: "dumb", want: true},
		{mode: "auto", noColor: "1", force: "1", want: false},
	} {
		test.run(t, f)
	}
}

func TestColorOfATerminal(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/dev/ptmx is a terminal only on Linux")
	}
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal to be had: %v", err)
	}
	defer f.Close()
	for _, test := range []colorTest{
		{mode: "auto", term: "xterm", want: true},
		{mode: "auto", want: true},
		{mode: "auto", term: "dumb", want: false},
		{mode: "auto", noColor: "1", term: "xterm", want: false},
		{mode: "auto", force: "0", term: "xterm", want: true},
		{mode: "never", term: "xterm", want: false},
	} {
		test.run(t, f)
	}
}
