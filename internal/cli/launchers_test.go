package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestLauncherOf(t *testing.T) {
	t.Parallel()
	tests := []struct{ command, launcher string }{
		{"cargo watch -x run", "cargo"},
		{"/root/.cargo/bin/cargo watch", "cargo"},
		{"cargo +nightly watch", "cargo"},
		{"cargo run", ""},
		{"cargo", ""},
		{"npm run dev", "npm"},
		{"./npm", "npm"},
		{"node --watch server.js", "node"},
		{"node server.js", ""},
		{"go run .", "go"},
		{"go version", ""},
		{"make", "make"},
		{"watchexec -r ./srv", "watchexec"},
		{"./srv npm", ""},
		{"npmx", ""},
		{"sh -c npm", ""},
		{"env npm", ""},
	}
	for _, test := range tests {
		got := ""
		if l := launcherOf(strings.Fields(test.command)); l != nil {
			got = l.name
		}
		if got != test.launcher {
			t.Errorf("%q is launcher %q, want %q", test.command, got, test.launcher)
		}
	}
}

func TestNests(t *testing.T) {
	t.Parallel()
	tests := []struct {
		command []string
		want    bool
	}{
		{[]string{"entr", "-nr", "systemfd", "--", "./srv"}, true},
		{[]string{"entr", "/usr/bin/systemfd", "--", "./srv"}, true},
		{[]string{"air", "--build.full_bin", "systemfd -- ./tmp/main"}, true},
		{[]string{"air", "--build.full_bin", "exec ./systemfd -- ./tmp/main"}, true},
		{[]string{"go", "run", "-exec", "systemfd --", "."}, true},
		{[]string{"entr", "-nr", "./srv"}, false},
		{[]string{"entr"}, false},
		{[]string{"systemfd"}, false}, // COMMAND itself launches nothing
		{[]string{"entr", "./systemfd-server"}, false},
		{[]string{"entr", "./srv", "systemfd.conf"}, false},
	}
	for _, test := range tests {
		if got := nests(test.command); got != test.want {
			t.Errorf("nests(%q) = %v", test.command, got)
		}
	}
}

// TestLauncherHints: each shows how to type it, and is not given again for what it shows.
func TestLauncherHints(t *testing.T) {
	t.Parallel()
	if !slices.IsSortedFunc(launchers, func(a, b launcher) int { return strings.Compare(a.name+" "+a.word, b.name+" "+b.word) }) {
		t.Error("the launchers are not sorted")
	}
	for _, l := range launchers {
		hint := l.hint()
		if !strings.HasPrefix(hint, l.name) || !strings.HasSuffix(hint, l.nested) {
			t.Errorf("%s: hint %q", l.name, hint)
		}
		if !nests([]string{l.name, l.nested}) {
			t.Errorf("%s: there is no systemfd in %q", l.name, l.nested)
		}
	}
}
