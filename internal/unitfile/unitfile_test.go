package unitfile

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/spec"
)

var host = Host{RuntimeDir: "/run/user/7", Home: "/home/me", User: "me", UID: "7"}

// parse reads lines of section Socket, behind a ListenStream=80 if there is none.
func parse(t *testing.T, lines ...string) Unit {
	t.Helper()
	text := strings.Join(lines, "\n")
	if !strings.Contains(text, "Listen") {
		text += "\nListenStream=80"
	}
	unit, err := Parse("app.socket", "[Socket]\n"+text+"\n", host, spec.Defaults())
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return unit
}

// opens is what a unit opens, without the name that all have.
func opens(unit Unit) (specs []string) {
	for _, o := range unit.Openings {
		o.Name = ""
		specs = append(specs, o.String())
	}
	return specs
}

var addressTests = []struct{ lines, want string }{
	{"ListenStream=80", "tcp::[::]:80"},
	{"ListenStream=65535", "tcp::[::]:65535"},
	{"ListenStream=0", "tcp::[::]:0"}, // ours
	{"ListenStream=+80", "tcp::[::]:80"},
	{"ListenStream=0x50", "tcp::[::]:80"},
	{"ListenStream=1.2.3.4:80", "tcp::1.2.3.4:80"},
	{"ListenStream=127.0.0.1:0", "tcp::127.0.0.1:0"}, // ours
	{"ListenStream=0.0.0.0:80", "tcp::0.0.0.0:80"},
	{"ListenStream=[::]:80", "tcp::[::]:80"},
	{"ListenStream=[::1]:80", "tcp::[::1]:80"},
	{"ListenStream=[::ffff:1.2.3.4]:80", "tcp::1.2.3.4:80"},
	{"ListenStream=[fe80::1]:80%%eth0", "tcp::[fe80::1%eth0]:80"},
	{"ListenStream=[fe80::1]:80%%2", "tcp::[fe80::1%2]:80"},
	{"ListenStream=[fe80::1]:80%%~l]o!", "tcp::[fe80::1%~l]o!]:80"},
	{"ListenStream=[fe80::1%%eth0]:80", "tcp::[fe80::1%eth0]:80"}, // ours
	{"ListenStream=/run/app.sock", "unix::/run/app.sock"},
	{"ListenStream=/run/a b=c::d;#", "unix::/run/a b=c::d;#"},
	{"ListenStream=/run/100%", "unix::/run/100%"},
	{"ListenStream=/%t%", "unix:://run/user/7%"}, // a last % stands for itself
	{"ListenStream=@app", "unix::@app"},
	{"ListenStream=@/org/app", "unix::@/org/app"},
	{"ListenDatagram=53", "udp::[::]:53"},
	{"ListenDatagram=127.0.0.1:53", "udp::127.0.0.1:53"},
	{"ListenDatagram=/run/log", "unix-dgram::/run/log"},
	{"ListenDatagram=@log", "unix-dgram::@log"},
	{"ListenSequentialPacket=/run/udev/control", "unix-seqpacket::/run/udev/control"},
	{"ListenSequentialPacket=@control", "unix-seqpacket::@control"},

	// several, in the order of the file
	{"ListenDatagram=53\nListenStream=/a\nListenStream=53\nListenSequentialPacket=/b", "udp::[::]:53 unix::/a tcp::[::]:53 unix-seqpacket::/b"},
	// the empty assignment takes back all, of every kind
	{"ListenStream=1\nListenDatagram=2\nListenStream=\nListenStream=3", "tcp::[::]:3"},
	{"ListenStream=1\nListenDatagram=\nListenStream=3", "tcp::[::]:3"},
	{"ListenStream=1\nListenSequentialPacket=\nListenStream=3", "tcp::[::]:3"},
	{"ListenStream=1\nListenFIFO=\nListenStream=3", "tcp::[::]:3"},
}

// TestAddresses has each form of systemd.socket(5).
func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, test := range addressTests {
		if got := strings.Join(opens(parse(t, test.lines)), " "); got != test.want {
			t.Errorf("%q opens %s, want %s", test.lines, got, test.want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	tests := []struct{ file, lines, want string }{
		{"app.socket", "", "app.socket"},
		{"/etc/systemd/system/app@1.socket", "", "app@1.socket"},
		{"app.socket", "FileDescriptorName=http", "http"},
		{"app.socket", "FileDescriptorName=a\nFileDescriptorName=b", "b"},
		{"app.socket", "FileDescriptorName=a\nFileDescriptorName=", "app.socket"},
		{"app@1.socket", "FileDescriptorName=%p-%i", "app-1"},
		{`a\x2db.socket`, "FileDescriptorName=a-b", "a-b"},
	}
	for _, test := range tests {
		unit, err := Parse(test.file, "[Socket]\nListenStream=80\nListenDatagram=80\n"+test.lines, host, spec.Defaults())
		if err != nil || len(unit.Openings) != 2 || unit.Openings[0].Name != test.want || unit.Openings[1].Name != test.want {
			t.Errorf("%s, %q: %+v, %v; want %s", test.file, test.lines, unit.Openings, err, test.want)
		}
	}
	_, err := Parse(`a\x2db.socket`, "[Socket]\nListenStream=80", host, spec.Defaults())
	if want := `a\x2db.socket: "a\\x2db.socket" cannot name a descriptor: set FileDescriptorName`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestSpecifiers(t *testing.T) {
	t.Parallel()
	const text = "[Socket]\nListenStream=/%t|%h|%u|%U|%n|%N|%p|%i|%%|%%t\nFileDescriptorName=%p.%U"
	tests := []struct{ file, path, name string }{
		{"x/app@one.socket", "//run/user/7|/home/me|me|7|app@one.socket|app@one|app|one|%|%t", "app.7"},
		{"app.socket", "//run/user/7|/home/me|me|7|app.socket|app|app||%|%t", "app.7"},
		{"app@a@b.socket", "//run/user/7|/home/me|me|7|app@a@b.socket|app@a@b|app|a@b|%|%t", "app.7"},
	}
	for _, test := range tests {
		unit, err := Parse(test.file, text, host, spec.Defaults())
		if want := (spec.Spec{Name: test.name, Type: "unix", Path: test.path}); err != nil || len(unit.Openings) != 1 || unit.Openings[0].Spec != want {
			t.Errorf("%s: %+v, %v; want %+v", test.file, unit.Openings, err, want)
		}
	}
}

var optionTests = []struct {
	lines string
	set   func(o *spec.Options)
}{
	{"", func(*spec.Options) {}},
	{"Backlog=0", func(o *spec.Options) { o.Backlog = 0 }},
	{"Backlog=128", func(o *spec.Options) { o.Backlog = 128 }},
	{"Backlog=0x10", func(o *spec.Options) { o.Backlog = 16 }},
	{"Backlog=010", func(o *spec.Options) { o.Backlog = 8 }},
	{"Backlog=4294967295", func(o *spec.Options) { o.Backlog = math.MaxInt32 }},
	{"SocketMode=0", func(o *spec.Options) { o.Mode = spec.Some(uint32(0)) }},
	{"SocketMode=660", func(o *spec.Options) { o.Mode = spec.Some(uint32(0o660)) }},
	{"SocketMode=0600\nSocketMode=0640", func(o *spec.Options) { o.Mode = spec.Some(uint32(0o640)) }},
	{"DirectoryMode=0700", func(o *spec.Options) { o.DirectoryMode = spec.Some(uint32(0o700)) }},
	{"DirectoryMode=1777", func(o *spec.Options) { o.DirectoryMode = spec.Some(uint32(0o1777)) }},
	{"BindIPv6Only=both", func(o *spec.Options) { o.V6Only = spec.Some(false) }},
	{"BindIPv6Only=no", func(o *spec.Options) { o.V6Only = spec.Some(false) }},
	{"BindIPv6Only=ipv6-only", func(o *spec.Options) { o.V6Only = spec.Some(true) }},
	{"BindIPv6Only=yes", func(o *spec.Options) { o.V6Only = spec.Some(true) }},
	{"BindIPv6Only=yes\nBindIPv6Only=default", func(*spec.Options) {}},
	{"ReusePort=1", func(o *spec.Options) { o.ReusePort = true }},
	{"FreeBind=yes", func(o *spec.Options) { o.FreeBind = true }},
	{"NoDelay=on", func(o *spec.Options) { o.NoDelay = true }},
	{"KeepAlive=true", func(o *spec.Options) { o.KeepAlive = true }},
	{"Broadcast=t", func(o *spec.Options) { o.Broadcast = true }},
	{"PassCredentials=y", func(o *spec.Options) { o.PassCredentials = true }},
	{"NoDelay=yes\nNoDelay=no", func(*spec.Options) {}},
	{"ReceiveBuffer=64K\nSendBuffer=1M", func(o *spec.Options) { o.ReceiveBuffer, o.SendBuffer = 64<<10, 1<<20 }},
}

// TestOptions has what each directive sets. Every opening of the unit has it, whatever its type.
func TestOptions(t *testing.T) {
	t.Parallel()
	for _, test := range optionTests {
		want := spec.Options{Backlog: spec.DefaultBacklog, MakeDirectories: true}
		test.set(&want)
		for _, lines := range []string{"ListenStream=80\nListenDatagram=/a\n" + test.lines, test.lines + "\nListenStream=80\nListenDatagram=/a"} {
			unit := parse(t, lines)
			if len(unit.Openings) != 2 || unit.Openings[0].Options != want || unit.Openings[1].Options != want {
				t.Errorf("%q: %+v, want %+v", lines, unit.Openings, want)
			}
		}
	}
}

var baseTests = []struct {
	lines string
	set   func(o *spec.Options)
}{
	{"", func(*spec.Options) {}},
	{"Backlog=0", func(o *spec.Options) { o.Backlog = 0 }},
	{"SocketMode=0", func(o *spec.Options) { o.Mode = spec.Some(uint32(0)) }},
	{"DirectoryMode=0710", func(o *spec.Options) { o.DirectoryMode = spec.Some(uint32(0o710)) }},
	{"BindIPv6Only=default", func(o *spec.Options) { o.V6Only = spec.Optional[bool]{} }},
	{"BindIPv6Only=both", func(o *spec.Options) { o.V6Only = spec.Some(false) }},
	{"ReusePort=no", func(*spec.Options) {}},
	{"ReusePort=yes\nReusePort=no", func(*spec.Options) {}},
	{"FreeBind=no", func(o *spec.Options) { o.FreeBind = false }},
	{"NoDelay=no", func(o *spec.Options) { o.NoDelay = false }},
	{"KeepAlive=no", func(o *spec.Options) { o.KeepAlive = false }},
	{"Broadcast=no", func(o *spec.Options) { o.Broadcast = false }},
	{"PassCredentials=no", func(o *spec.Options) { o.PassCredentials = false }},
	{"ReceiveBuffer=0\nSendBuffer=3", func(o *spec.Options) { o.ReceiveBuffer, o.SendBuffer = 0, 3 }},
}

// TestBase: directives replace the options of the command line, and only these.
func TestBase(t *testing.T) {
	t.Parallel()
	base := spec.Options{
		Backlog: 7, NoReuse: true, ReusePort: true, Mode: spec.Some(uint32(0o600)), DirectoryMode: spec.Some(uint32(0o700)),
		V6Only: spec.Some(true), FreeBind: true, NoDelay: true, KeepAlive: true, Broadcast: true, PassCredentials: true, ReceiveBuffer: 1, SendBuffer: 2,
	}
	for _, test := range baseTests {
		want := base
		want.MakeDirectories = true
		test.set(&want)
		unit, err := Parse("app.socket", "[Socket]\nListenStream=80\n"+test.lines, host, base)
		if err != nil || len(unit.Openings) != 1 || unit.Openings[0].Options != want {
			t.Errorf("%q: %+v, %v; want %+v", test.lines, unit.Openings, err, want)
		}
	}
}

var lineTests = []struct{ name, text, want string }{
	{"blanks", " \t[Socket] \n\t ListenStream \t=\t 80 \t\n", "tcp::[::]:80"},
	{"no newline at the end", "[Socket]\nListenStream=80", "tcp::[::]:80"},
	{"CRLF", "[Socket]\r\nListenStream=80\r\nListenStream=\\\r\n81\r\n", "tcp::[::]:80 tcp::[::]:81"},
	{"byte order mark", "\ufeff[Socket]\nListenStream=80", "tcp::[::]:80"},
	{"comments", "# a\n[Socket]\n;ListenStream=1\n #ListenStream=2\nListenStream=80\n#\\\nListenStream=81\n", "tcp::[::]:80 tcp::[::]:81"},
	{"a # in a value", "[Socket]\nListenStream=/a#b", "unix::/a#b"},
	{"continued", "[Socket]\nListenStream=\\\n80\nListenStream=/a\\\n  b\\\n\nListenStream=81", "tcp::[::]:80 unix::/a b tcp::[::]:81"},
	{"continued key", "[Socket]\nListenStream\\\n=80", "tcp::[::]:80"},
	{"comment between", "[Socket]\nListenStream=/a\\\n# c\n; c \\\nb\nListenStream=81", "unix::/a b tcp::[::]:81"},
	{"continued at the end", "[Socket]\nListenStream=80 \\", "tcp::[::]:80"},
	{"empty line ends it", "[Socket]\nListenStream=80\\\n\nListenStream=81", "tcp::[::]:80 tcp::[::]:81"},
	{"escaped backslash", "[Socket]\nListenStream=/a\\\\\nListenStream=81", `unix::/a\\ tcp::[::]:81`},
	{"three backslashes", "[Socket]\nListenStream=/a\\\\\\\nb", `unix::/a\\ b`},
	{"backslash and a blank", "[Socket]\nListenStream=/a\\ \nListenStream=81", `unix::/a\ tcp::[::]:81`},
	{"sections again", "[Socket]\nListenStream=80\n[Unit]\nListenStream=9\n[Socket]\nListenStream=81", "tcp::[::]:80 tcp::[::]:81"},
	{"sections of others", "[X-App]\nListenStream=9\n[Socket]\nListenStream=80\n[Install]\nListenStream=9", "tcp::[::]:80"},
}

// TestLines is systemd.syntax(7).
func TestLines(t *testing.T) {
	t.Parallel()
	for _, test := range lineTests {
		unit, err := Parse("app.socket", test.text, host, spec.Defaults())
		if got := strings.Join(opens(unit), " "); err != nil || got != test.want {
			t.Errorf("%s: %q, %v; want %q", test.name, got, err, test.want)
		}
	}
}

const ignoredText = `[Unit]
Description=x
Requires=y
Bogus=1
X-Mine=1
[Socket]
ListenStream=80
RemoveOnStop=yes
Service=x.service
RemoveOnStop=no
MaxConnections=3
SocketUser=root
listenstream=81
X-Mine=1
[Install]
WantedBy=sockets.target
[Service]
ExecStart=/x
[X-Mine]
Whatever=1
`

// TestIgnored: what only systemd can do is told, once; what nobody knows is warned of, with its place.
func TestIgnored(t *testing.T) {
	t.Parallel()
	unit, err := Parse("app.socket", ignoredText, host, spec.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	ignored := []string{"Description", "Requires", "RemoveOnStop", "Service", "MaxConnections", "SocketUser", "WantedBy"}
	if !slices.Equal(unit.Ignored, ignored) {
		t.Errorf("ignored %q, want %q", unit.Ignored, ignored)
	}
	warnings := []string{
		`app.socket:4: unknown directive "Bogus" in section "Unit"`,
		`app.socket:13: unknown directive "listenstream" in section "Socket"`,
		`app.socket:17: unknown section "Service"`,
	}
	if !slices.Equal(unit.Warnings, warnings) {
		t.Errorf("warnings %q, want %q", unit.Warnings, warnings)
	}
}

// TestDirectives: what is carried out is what may stand there.
func TestDirectives(t *testing.T) {
	t.Parallel()
	for key := range settings() {
		if !slices.Contains(directives()["Socket"], key) {
			t.Errorf("%s is not in directives.txt", key)
		}
	}
}
