package cli

import (
	"slices"
	"strings"
	"testing"
)

var launcherOfTests = []struct{ command, launcher string }{
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

func TestLauncherOf(t *testing.T) {
	t.Parallel()
	for _, test := range launcherOfTests {
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

// TestLaunchers: each row shows systemfd right before the server.
func TestLaunchers(t *testing.T) {
	t.Parallel()
	if !slices.IsSortedFunc(launchers, func(a, b launcher) int { return strings.Compare(a.name+" "+a.word, b.name+" "+b.word) }) {
		t.Error("the launchers are not sorted")
	}
	for _, l := range launchers {
		if !strings.Contains(l.nested, "systemfd") {
			t.Errorf("%s: there is no systemfd in %q", l.name, l.nested)
		}
	}
}

// Parts of the hints.
const (
	pidChanges = "starts the server under another pid"
	closes     = "does not pass descriptors on"
)

var launcherHintTests = []struct {
	command   string
	held, pid bool
	want      string // a part of it; "" for no hint
}{
	{"entr ./srv", false, false, pidChanges},
	{"entr ./srv", true, false, pidChanges},
	{"entr ./srv", false, true, ""},
	{"entr systemfd -- ./srv", false, false, ""},
	{"npm run dev", false, false, closes},
	{"npm run dev", true, false, ""}, // the nested form may stand in package.json
	{"nodemon server.js", true, false, closes},
	{"npm run dev", false, true, closes},
	{"nodemon --exec systemfd -- srv", false, false, closes},
	{"nodemon --exec systemfd -- srv", true, false, ""},
}

func TestLauncherHint(t *testing.T) {
	t.Parallel()
	for _, test := range launcherHintTests {
		command := strings.Fields(test.command)
		l := launcherOf(command)
		if l == nil {
			t.Errorf("%q is no launcher", test.command)
			continue
		}
		got := l.hint([]string{"-s", "0"}, command, test.held, test.pid)
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%q, held %v, pid %v: hint %q, want %q", test.command, test.held, test.pid, got, test.want)
		}
		if got != "" && (!strings.HasPrefix(got, l.name+" ") || !strings.HasSuffix(got, l.nested)) {
			t.Errorf("%q: hint %q does not say who, or what to type", test.command, got)
		}
	}
}
