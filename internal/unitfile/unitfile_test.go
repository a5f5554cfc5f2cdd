package unitfile

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/spec"
)

// host has a value for some specifiers, and for no other.
func host(specifier byte) (string, error) {
	if value, ok := map[byte]string{'t': "/run/user/7", 'h': "/home/me", 'u': "me", 'U': "7", 'H': "me.example", 'y': "/etc/app.socket"}[specifier]; ok {
		return value, nil
	}
	return "", errors.New("there is none")
}

// parseText reads a unit of one text.
func parseText(file, text string, base spec.Options) (Unit, error) {
	return Parse(file, []Source{{file, text}}, host, base)
}

// openings are what a unit says, without any --map.
func openings(unit Unit) (all []spec.Opening) {
	for _, l := range unit.listens {
		all = append(all, l.opening)
	}
	return all
}

// parse reads lines of section Socket, behind a ListenStream=80 if there is none.
func parse(t *testing.T, lines ...string) Unit {
	t.Helper()
	text := strings.Join(lines, "\n")
	if !strings.Contains(text, "Listen") {
		text += "\nListenStream=80"
	}
	unit, err := parseText("app.socket", "[Socket]\n"+text+"\n", spec.Defaults())
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return unit
}

// opens is what a unit opens, without the name that all have.
func opens(unit Unit) (specs []string) {
	for _, o := range openings(unit) {
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
	{"ListenStream=/var/run/app.sock", "unix::/run/app.sock"}, // as systemd updates it
	{"ListenDatagram=//var//run/a//b", "unix-dgram::/run/a//b"},
	{"ListenStream=/var/runs/x", "unix::/var/runs/x"},
	{"ListenStream=/var/run", "unix::/var/run"},
	{"ListenStream=@/var/run/x", "unix::@/var/run/x"},
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
// TestSaid: every address once, with its specifiers expanded, and of the kinds that are not opened, too.
func TestSaid(t *testing.T) {
	t.Parallel()
	unit := parse(t, "ListenStream=80", "ListenDatagram=80", "ListenStream=%t/app.sock", "ListenFIFO=/run/fifo", "ListenStream=vsock:2:1234")
	if got := strings.Join(unit.Addresses(), " "); got != "80 /run/user/7/app.sock /run/fifo vsock:2:1234" {
		t.Errorf("it says %s", got)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, test := range optionTests {
		want := spec.Options{Backlog: spec.DefaultBacklog, MakeDirectories: true}
		test.set(&want)
		for _, lines := range []string{"ListenStream=80\nListenDatagram=/a\n" + test.lines, test.lines + "\nListenStream=80\nListenDatagram=/a"} {
			unit := parse(t, lines)
			if len(openings(unit)) != 2 || openings(unit)[0].Options != want || openings(unit)[1].Options != want {
				t.Errorf("%q: %+v, want %+v", lines, openings(unit), want)
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
		unit, err := parseText("app.socket", "[Socket]\nListenStream=80\n"+test.lines, base)
		if err != nil || len(openings(unit)) != 1 || openings(unit)[0].Options != want {
			t.Errorf("%q: %+v, %v; want %+v", test.lines, openings(unit), err, want)
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
	{"junk", "ListenStream=9\njunk\n[Socket]\nNoDelay\n=9\n = 9\nListenStream=80", "tcp::[::]:80"},
	{"sections of others", "[X-App]\njunk\nListenStream=9\n[Socket]\nListenStream=80\n[Install]\nListenStream=9", "tcp::[::]:80"},
}

// TestLines is systemd.syntax(7).
func TestLines(t *testing.T) {
	t.Parallel()
	for _, test := range lineTests {
		unit, err := parseText("app.socket", test.text, spec.Defaults())
		if got := strings.Join(opens(unit), " "); err != nil || got != test.want {
			t.Errorf("%s: %q, %v; want %q", test.name, got, err, test.want)
		}
	}
}

const ignoredText = `junk=1
[Unit]
Description=x
Requires=y
Bogus=1
X-Mine=1
[Socket]
ListenStream=80
RemoveOnStop=yes
Service=x.service
MaxConnections=3
SocketUser=root
MaxConnections=4
Symlinks=/a
Symlinks=
Transparent=no
listenstream=81
X-Mine=1
NoDelay
= 1
[Install]
WantedBy=sockets.target
[Service]
ExecStart=/x
junk
=
[X-Mine]
Whatever=1
junk
`

// TestIgnored: what a server would see the effect of is told, once; what is skipped is warned of, with its place.
func TestIgnored(t *testing.T) {
	t.Parallel()
	unit, err := parseText("app.socket", ignoredText, spec.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	if ignored := []string{"MaxConnections", "SocketUser"}; !slices.Equal(unit.Ignored, ignored) {
		t.Errorf("ignored %q, want %q", unit.Ignored, ignored)
	}
	warnings := []string{
		`app.socket:1: skipped "junk=1", which stands before any section`,
		`app.socket:5: unknown directive "Bogus" in section "Unit"`,
		`app.socket:17: unknown directive "listenstream" in section "Socket"`,
		`app.socket:19: skipped "NoDelay", which has no "="`,
		`app.socket:20: skipped "= 1", which has no name before "="`,
		`app.socket:23: unknown section "Service"`,
	}
	if !slices.Equal(unit.Warnings, warnings) {
		t.Errorf("warnings %q, want %q", unit.Warnings, warnings)
	}
}

// told are the directives that --unit does not carry out and says so.
const told = "SocketUser SocketGroup ExecStartPre ExecStartPost Symlinks MaxConnections MaxConnectionsPerSource BindToDevice Mark Priority " +
	"IPTOS IPTTL TCPCongestion Transparent PassSecurity PassPIDFD PassPacketInfo Timestamping KeepAliveTimeSec KeepAliveIntervalSec " +
	"KeepAliveProbes DeferAcceptSec SocketProtocol FlushPending AcceptFileDescriptors SmackLabel SmackLabelIPIn SmackLabelIPOut " +
	"SELinuxContextFromNet NetworkNamespacePath PrivateNetwork IPAddressAllow IPAddressDeny IPIngressFilterPath IPEgressFilterPath " +
	"RestrictNetworkInterfaces"

// TestDirectives: what is carried out is what may stand there, and is not told to be ignored. Of the others only those are told that a
// server would see the effect of.
func TestDirectives(t *testing.T) {
	t.Parallel()
	for key := range settings() {
		if isSeen, isKnown := directives()["Socket"][key]; !isKnown || isSeen {
			t.Errorf("%s: %v, %v", key, isKnown, isSeen)
		}
	}
	var seen []string
	for section, keys := range directives() {
		for key, isSeen := range keys {
			if isSeen {
				seen = append(seen, strings.TrimPrefix(section+"."+key, "Socket."))
			}
		}
	}
	slices.Sort(seen)
	if want := slices.Sorted(slices.Values(strings.Fields(told))); !slices.Equal(seen, want) {
		t.Errorf("told are %q, want %q", seen, want)
	}
}
