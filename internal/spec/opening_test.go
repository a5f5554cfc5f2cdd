package spec

import (
	"errors"
	"strings"
	"testing"
)

// mustOpen is Parse with default options, and change.
func mustOpen(t testing.TB, text string, change func(*Options)) Opening {
	t.Helper()
	o := Opening{mustParse(t, text), Defaults()}
	if change != nil {
		change(&o.Options)
	}
	return o
}

var openingTextTests = []struct {
	spec   string
	change func(*Options)
	text   string
}{
	{"http::3000", nil, "http::127.0.0.1:3000"},
	{"web=http::3000", func(o *Options) { o.Backlog = 77 }, "web=http::127.0.0.1:3000~backlog=77"},
	{
		"3000", func(o *Options) { o.Backlog, o.NoReuse, o.ReusePort = 0, true, true },
		"tcp::127.0.0.1:3000~backlog=0~no-reuse~reuse-port",
	},
	{"/run/a,b~c d.sock", func(o *Options) { o.Mode = Some[uint32](0) }, "unix::/run/a%2Cb%7Ec%20d.sock~mode=0000"},
	{
		"/a=b", func(o *Options) { o.MakeDirectories, o.DirectoryMode = true, Some[uint32](0o1777) },
		"unix::/a=b~make-directories~directory-mode=1777",
	},
	{"[fe80::1%eth0]:80", func(o *Options) { o.V6Only = Some(false) }, "tcp::%5Bfe80::1%25eth0%5D:80~ipv6-only=no"},
	{
		"udp::*:53", func(o *Options) { o.V6Only, o.FreeBind, o.Broadcast = Some(true), true, true },
		"udp::%5B::%5D:53~ipv6-only=yes~free-bind~broadcast",
	},
	{
		"@x", func(o *Options) { o.PassCredentials, o.ReceiveBuffer, o.SendBuffer = true, 1, 2 },
		"unix::@x~pass-credentials~receive-buffer=1~send-buffer=2",
	},
	{"0", func(o *Options) { o.NoDelay, o.KeepAlive = true, true }, "tcp::127.0.0.1:0~no-delay~keep-alive"},
	{"unix-dgram::/x", func(o *Options) { o.Nonblock = true }, "unix-dgram::/x~nonblock"},
}

func TestOpeningText(t *testing.T) {
	t.Parallel()
	for _, test := range openingTextTests {
		checkText(t, mustOpen(t, test.spec, test.change), test.text)
	}
}

// TestOpeningNames: a parent may give a name that Parse refuses.
func TestOpeningNames(t *testing.T) {
	t.Parallel()
	checkText(t, Opening{Spec{Name: "it's a=/b~,%", Type: "unix", Path: "/x"}, Defaults()}, "it%27s%20a%3D%2Fb%7E%2C%25=unix::/x")
	checkText(t, Opening{Spec{Name: "@x", Type: "unix", Path: "@y"}, Defaults()}, "%40x=unix::@y")
	colons := Opening{Spec{Name: "it's=/::@", Type: "unix", Path: "/x"}, Defaults()} // ":" ends a name in LISTEN_FDNAMES
	if again, err := ParseOpening(colons.Encode()); err == nil {
		t.Errorf("ParseOpening(%q) = %#v, want an error", colons.Encode(), again)
	}
}

// checkText fails unless o is encoded as want, and want is read as o.
func checkText(t *testing.T, o Opening, want string) {
	t.Helper()
	got := o.Encode()
	if got != want {
		t.Errorf("Encode() = %q, want %q", got, want)
	}
	if again, err := ParseOpening(got); err != nil || again != o {
		t.Errorf("ParseOpening(%q) = %#v, %v; want %#v", got, again, err, o)
	}
}

func TestParseOpeningRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             `bad socket "": no port`,
		"htpp::1":                      `bad socket "htpp::1": unknown type "htpp"`,
		"=tcp::1":                      `bad socket "=tcp::1": bad name ""`,
		"a%3Ab=tcp::1":                 `bad socket "a%3Ab=tcp::1": bad name "a:b"`,
		"tcp::1~":                      `bad socket "tcp::1~": bad option ""`,
		"tcp::1~colour=red":            `bad socket "tcp::1~colour=red": bad option "colour=red"`,
		"tcp::1~backlog=-1":            `bad socket "tcp::1~backlog=-1": bad option "backlog=-1"`,
		"tcp::1~backlog=2147483648":    `bad socket "tcp::1~backlog=2147483648": bad option "backlog=2147483648"`,
		"tcp::1~reuse-port=yes":        `bad socket "tcp::1~reuse-port=yes": bad option "reuse-port=yes"`,
		"unix::/x~mode=10000":          `bad socket "unix::/x~mode=10000": bad option "mode=10000"`,
		"unix::/x~mode=8":              `bad socket "unix::/x~mode=8": bad option "mode=8"`,
		"tcp::%5B::%5D:1~ipv6-only=on": `bad socket "tcp::%5B::%5D:1~ipv6-only=on": bad option "ipv6-only=on"`,
	} {
		if got, err := ParseOpening(text); err == nil || err.Error() != want {
			t.Errorf("ParseOpening(%q) = %#v, %v; want %q", text, got, err, want)
		}
	}
}

func TestOpenings(t *testing.T) {
	t.Parallel()
	all := []Opening{mustOpen(t, "a=http::3000", nil), mustOpen(t, "./x,y", func(o *Options) { o.Mode = Some[uint32](0o600) })}
	text := EncodeOpenings(all)
	if want := "a=http::127.0.0.1:3000,unix::./x%2Cy~mode=0600"; text != want {
		t.Errorf("got %q, want %q", text, want)
	}
	again, err := ParseOpenings(text)
	if err != nil || len(again) != 2 || again[0] != all[0] || again[1] != all[1] {
		t.Errorf("got %#v, %v", again, err)
	}
	if none, err := ParseOpenings(""); none != nil || err != nil {
		t.Errorf("got %#v, %v", none, err)
	}
	if got, err := ParseOpenings("tcp::1,"); err == nil {
		t.Errorf("got %#v", got)
	}
}

// TestParseOpeningDecodes: what is not an encoding stands for itself.
func TestParseOpeningDecodes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"/a%2cb": "/a,b", "/a%2": "/a%2", "/a%": "/a%", "/a%zz%41": "/a%zzA"} {
		if got, err := ParseOpening("unix::" + text); err != nil || got.Path != want {
			t.Errorf("ParseOpening(%q) = %#v, %v; want the path %q", text, got, err, want)
		}
	}
}

var optionsForTypeTests = map[Type]Options{
	"https": {
		Backlog: 1, NoReuse: true, ReusePort: true, V6Only: Some(true), FreeBind: true, NoDelay: true, KeepAlive: true,
		ReceiveBuffer: 1, SendBuffer: 2, Nonblock: true,
	},
	"udp": {
		Backlog: DefaultBacklog, ReusePort: true, V6Only: Some(true), FreeBind: true, Broadcast: true,
		ReceiveBuffer: 1, SendBuffer: 2, Nonblock: true,
	},
	"unix": {
		Backlog: 1, Mode: Some[uint32](0o600), MakeDirectories: true, DirectoryMode: Some[uint32](0o700), PassCredentials: true,
		ReceiveBuffer: 1, SendBuffer: 2, Nonblock: true,
	},
	"unix-seqpacket": {
		Backlog: 1, Mode: Some[uint32](0o600), MakeDirectories: true, DirectoryMode: Some[uint32](0o700), PassCredentials: true,
		ReceiveBuffer: 1, SendBuffer: 2, Nonblock: true,
	},
	"unix-dgram": {
		Backlog: DefaultBacklog, Mode: Some[uint32](0o600), MakeDirectories: true, DirectoryMode: Some[uint32](0o700), PassCredentials: true,
		ReceiveBuffer: 1, SendBuffer: 2, Nonblock: true,
	},
}

func TestOptionsForType(t *testing.T) {
	t.Parallel()
	all := Options{
		Backlog: 1, NoReuse: true, ReusePort: true, Mode: Some[uint32](0o600), MakeDirectories: true, DirectoryMode: Some[uint32](0o700),
		V6Only: Some(true), FreeBind: true, NoDelay: true, KeepAlive: true, Broadcast: true, PassCredentials: true, ReceiveBuffer: 1, SendBuffer: 2, Nonblock: true,
	}
	for typ, want := range optionsForTypeTests {
		if got := all.For(typ); got != want {
			t.Errorf("For(%q) = %+v, want %+v", typ, got, want)
		}
	}
}

func TestDiffers(t *testing.T) {
	t.Parallel()
	kept := Options{Backlog: 77, Mode: Some[uint32](0o644)}
	for want, o := range map[string]Options{
		"":           {Backlog: DefaultBacklog}, // which is not asked for
		"backlog=78": {Backlog: 78},
		"mode=0600":  {Backlog: 77, Mode: Some[uint32](0o600)},
		"reuse-port": {Backlog: 77, ReusePort: true},
	} {
		if got := o.Differs(kept); got != want {
			t.Errorf("%+v differs in %q, want %q", o, got, want)
		}
	}
	if got := (Options{Backlog: 77, Mode: Some[uint32](0o644), MakeDirectories: true, DirectoryMode: Some[uint32](0o700), Nonblock: true}).Differs(kept); got != "" {
		t.Errorf("it differs in %q", got)
	}
}

var overlapTests = []struct {
	a, b string
	want bool
}{
	{"3000", "*:3000", true},
	{"3000", "0.0.0.0:3000", true},
	{"[::1]:3000", "*:3000", true},
	{"0.0.0.0:3000", "*:3000", true},
	{"[::1]:3000", "0.0.0.0:3000", false},
	{"3000", "*:3000~ipv6-only=yes", false},
	{"[::1]:3000", "*:3000~ipv6-only=yes", true},
	{"3000~reuse-port", "*:3000~reuse-port", false},
	{"3000~reuse-port", "*:3000", true},
	{"3000", "*:3001", false},
	{"3000", "3000", false}, // the same
	{"0", "*:0", false},
	{"127.0.0.1:3000", "127.0.0.2:3000", false},
	{"3000", "udp::*:3000", false},
	{"unix::/a", "unix::/b", false},
	{"unix::/a", "*:0", false},
}

func TestOverlaps(t *testing.T) {
	t.Parallel()
	for _, test := range overlapTests {
		a, errA := ParseOpening(test.a)
		b, errB := ParseOpening(test.b)
		if err := errors.Join(errA, errB); err != nil {
			t.Fatal(err)
		}
		if a.Overlaps(b) != test.want || b.Overlaps(a) != test.want {
			t.Errorf("%s and %s: want %v", test.a, test.b, test.want)
		}
	}
}

// TestBeside: 3000+ takes another port. Other openings stay, and the result says what is in the way.
func TestBeside(t *testing.T) {
	t.Parallel()
	var open []Opening
	for _, text := range []string{"udp::*:3000", "*:3000", "0.0.0.0:3001", "*:65535", "unix::/a"} {
		open = append(open, Opening{Spec: mustParse(t, text)})
	}
	for _, test := range []struct {
		wanted string
		port   uint16
		inWay  int
	}{
		{"3000+", 3002, -1},
		{"[::1]:3000+", 3001, -1},
		{"3002+", 3002, -1},
		{"3000", 3000, 1},
		{"*:3000", 3000, -1}, // the same, which the system refuses
		{"65535+", 65535, 3},
		{"unix::/b", 0, -1},
	} {
		got, inWay := Opening{Spec: mustParse(t, test.wanted)}.Beside(open)
		if got.Port() != test.port || inWay != test.inWay || got.Next != strings.Contains(test.wanted, "+") {
			t.Errorf("%s: %v, %d; want %d, %d", test.wanted, got.Spec, inWay, test.port, test.inWay)
		}
	}
}

// TestAlphabet: no byte of an encoded opening needs quotes in a shell, and none is one of a list's own.
func TestAlphabet(t *testing.T) {
	t.Parallel()
	for i := range 256 {
		text := string([]byte{byte(i)})
		got := percentEncode(text, plain)
		if strings.Contains("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/:@+=-", text) {
			if got != text {
				t.Errorf("%q is encoded as %q, and need not be", text, got)
			}
		} else if len(got) != 3 || got[0] != '%' || strings.Trim(got[1:], "0123456789ABCDEF") != "" {
			t.Errorf("%q is encoded as %q", text, got)
		}
		if again := percentDecode(got); again != text {
			t.Errorf("%q is encoded as %q, and that is decoded as %q", text, got, again)
		}
	}
	if i := strings.IndexAny(plain+"%,", " \t\n\r\\\"'`$&|;<>()[]{}*?!#^"); i >= 0 {
		t.Errorf("a shell interprets %q", (plain + "%,")[i])
	}
}
