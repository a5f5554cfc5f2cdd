package unitfile

import (
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

var nameTests = []struct{ file, lines, want string }{
	{"app.socket", "", "app.socket"},
	{"/etc/systemd/system/app@1.socket", "", "app@1.socket"},
	{`a\x2db.socket`, "", `a\x2db.socket`},
	{"app.socket", "FileDescriptorName=http", "http"},
	{"app.socket", "FileDescriptorName=a\nFileDescriptorName=b", "b"},
	{"app.socket", "FileDescriptorName=a\nFileDescriptorName=", "app.socket"},
	{"app@1.socket", "FileDescriptorName=%p-%i", "app-1"},
	{`a\x2db.socket`, "FileDescriptorName=%P", "a-b"},
	{"app.socket", `FileDescriptorName="a b/c%%"`, `"a b/c%"`}, // whatever LISTEN_FDNAMES can say
}

// TestNames: every socket of a unit has one name.
func TestNames(t *testing.T) {
	t.Parallel()
	testkit.NotWindows(t, "names with a backslash")
	for _, test := range nameTests {
		unit, err := parseText(test.file, "[Socket]\nListenStream=80\nListenDatagram=80\n"+test.lines, spec.Defaults())
		all := openings(unit)
		if err != nil || len(all) != 2 || all[0].Name != test.want || all[1].Name != test.want || unit.Warnings != nil {
			t.Errorf("%s, %q: %+v, %v, %q; want %s", test.file, test.lines, all, err, unit.Warnings, test.want)
		}
	}
	_, err := parseText("a:b.socket", "[Socket]\nListenStream=80", spec.Defaults())
	if want := `a:b.socket: "a:b.socket" cannot name a descriptor: set FileDescriptorName`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

var badNameTests = []struct{ lines, name, warning string }{
	{"FileDescriptorName=http:https", "app.socket", `FileDescriptorName "http:https": a name is 1 to 255 ASCII characters without ":"`},
	{"FileDescriptorName=ok\nFileDescriptorName=é", "ok", `FileDescriptorName "é": a name is 1 to 255 ASCII characters without ":"`},
	{"FileDescriptorName=a\tb", "app.socket", `FileDescriptorName "a\tb": a name is 1 to 255 ASCII characters without ":"`},
	{"FileDescriptorName=" + strings.Repeat("x", 256), "app.socket", `FileDescriptorName "xxx`},
	{"FileDescriptorName=%Q", "app.socket", `FileDescriptorName: unknown specifier "%Q"`},
	{"FileDescriptorName=%d", "app.socket", `FileDescriptorName: no value for "%d": only systemd has a directory of credentials`},
}

// TestBadNames are skipped, as systemd does.
func TestBadNames(t *testing.T) {
	t.Parallel()
	for _, test := range badNameTests {
		unit := parse(t, "ListenStream=80", test.lines)
		if name := openings(unit)[0].Name; name != test.name || len(unit.Warnings) != 1 || !strings.Contains(unit.Warnings[0], ": skipped "+test.warning) {
			t.Errorf("%q: %q, %q; want %q, %q", test.lines, name, unit.Warnings, test.name, test.warning)
		}
	}
}

// TestTemplates: a template opens nothing, its instances do.
func TestTemplates(t *testing.T) {
	t.Parallel()
	for path, hint := range map[string]string{
		"app@.socket":         "-u app@NAME.socket",
		"./units/app@.sock":   "-u ./units/app@NAME.sock",
		"/my units/a@.socket": "-u '/my units/a@NAME.socket'",
	} {
		_, err := parseText(path, "[Socket]\nListenStream=80", spec.Defaults())
		bad, ok := err.(*Error)
		if !ok || bad.Error() != path+": it is a template, which needs an instance" || bad.Hint() != "name one: "+hint {
			t.Errorf("%s: %#v, want hint %s", path, err, hint)
		}
	}
	for path, want := range map[string]string{
		"app@8080.socket": "app@.socket", "./x/app@a@b.c.socket": "./x/app@.socket", "app@.socket": "", "app.socket": "", "@a.socket": "", "app@1.conf": "",
	} {
		if got := Template(path); got != want {
			t.Errorf("the template of %s is %q, want %q", path, got, want)
		}
	}
}

// TestDropIns: where they are, as systemd.unit(5) has it.
func TestDropIns(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"app.socket":       "app.socket.d socket.d",
		"./x/app.socket":   "./x/app.socket.d ./x/socket.d",
		"/app@8080.socket": "/app@8080.socket.d /app@.socket.d /socket.d",
		"a-b-c.socket":     "a-b-c.socket.d a-b-.socket.d a-.socket.d socket.d",
		"a-b-.socket":      "a-b-.socket.d a-.socket.d socket.d",
		"-a.socket":        "-a.socket.d -.socket.d socket.d",
		"a-b@x-y.socket":   "a-b@x-y.socket.d a-b@.socket.d a-.socket.d a-@x-y.socket.d a-@.socket.d socket.d",
		"app.conf":         "app.conf.d",
		"app":              "app.d",
	} {
		if got := DropIns(path); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("the drop-ins of %s are in %q, want %s", path, got, want)
		}
	}
}

// TestSources: drop-ins are read behind the file, as a file of their own, whose places they tell.
func TestSources(t *testing.T) {
	t.Parallel()
	unit, err := Parse("app@1.socket", []Source{
		{"app@.socket", "[Socket]\nListenStream=/%i\nBacklog=5\nSocketUser=x\nSymlinks=/a\n"},
		{"app@.socket.d/a.conf", "NoDelay=yes\n[Socket]\nSymlinks=\nListenStream=\nListenStream=127.0.0.1:%i\nListenFIFO=/f\n"},
		{"app@1.socket.d/b.conf", "[Socket]\nBacklog=6\nBogus=1\nFileDescriptorName=%p"},
	}, host, spec.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	if o := openings(unit)[0]; o.String() != "app=tcp::127.0.0.1:1" || o.Backlog != 6 {
		t.Errorf("%+v", o)
	}
	if ignored := []string{"SocketUser"}; !slices.Equal(unit.Ignored, ignored) {
		t.Errorf("ignored %q, want %q", unit.Ignored, ignored)
	}
	warnings := []string{
		`app@.socket.d/a.conf:1: skipped "NoDelay=yes", which stands before any section`,
		`app@1.socket.d/b.conf:3: unknown directive "Bogus" in section "Socket"`,
	}
	if !slices.Equal(unit.Warnings, warnings) {
		t.Errorf("%q, want %q", unit.Warnings, warnings)
	}
}

// TestSourceErrors: what is wrong in a drop-in is told with its place.
func TestSourceErrors(t *testing.T) {
	t.Parallel()
	dropIn := func(text string) (Unit, error) {
		return Parse("app.socket", []Source{{"app.socket", "[Socket]\nListenStream=80"}, {"app.socket.d/a.conf", text}}, host, spec.Defaults())
	}
	unit, err := dropIn("[Socket]\nListenFIFO=/f")
	if err == nil {
		_, err = new(Maps).Apply(unit)
	}
	if err == nil || err.Error() != "app.socket.d/a.conf:2: systemfd does not open ListenFIFO=/f" {
		t.Error(err)
	}
	for text, want := range map[string]string{
		"[Socket]\n\nBacklog=x":   "app.socket.d/a.conf:3: Backlog is ",
		"[Socket]\nListenStream=": "app.socket: it opens no socket: ",
		"[Socket":                 `app.socket.d/a.conf:1: bad section header "[Socket"`,
	} {
		if _, err := dropIn(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
