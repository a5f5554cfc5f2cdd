package unitfile

import (
	"errors"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/spec"
)

// mapAll returns what maps make of the sockets that lines of a unit say, with their options, "" if there is an error.
func mapAll(t *testing.T, maps *Maps, lines string) (encoded string, err error) {
	t.Helper()
	all, err := maps.Apply(parse(t, lines))
	for i := range all {
		all[i].Name = ""
	}
	return strings.ReplaceAll(spec.EncodeOpenings(all), ",", " "), err
}

// listens has a socket of each kind. others are those with a path, if no map means them.
//
// kinds has what systemd takes and we do not open.
const (
	kinds = "ListenFIFO=/f\nListenNetlink=audit\nListenMessageQueue=/m\nListenSpecial=/d\nListenUSBFunction=/u\nListenStream=vsock:2:1234\n" +
		"ListenDatagram=vsock::5\nListenStream=vsock-dgram:2:1\nListenStream=80"
	listens = "ListenStream=80\nListenDatagram=127.0.0.1:53\nListenStream=/a\nListenSequentialPacket=@q\n"
	others  = " unix::/a~make-directories unix-seqpacket::@q~make-directories"
)

var mapTests = []struct{ name, lines, maps, want string }{
	{"no map", listens, "", "tcp::%5B::%5D:80 udp::127.0.0.1:53" + others},
	{"only a port keeps the address", listens, "80=8080 53=0", "tcp::%5B::%5D:8080 udp::127.0.0.1:0" + others},
	{"FROM with an address", listens, "[::]:80=1 127.0.0.1:53=2", "tcp::%5B::%5D:1 udp::127.0.0.1:2" + others},
	{"FROM is a port of both transports", "ListenStream=53\nListenDatagram=53", "53=5353", "tcp::%5B::%5D:5353 udp::%5B::%5D:5353"},
	{
		"FROM with an address is only that one", "ListenStream=127.0.0.1:80\nListenStream=127.0.0.2:80", "127.0.0.2:80=1",
		"tcp::127.0.0.1:80 tcp::127.0.0.2:1",
	},
	{"TO with an address", listens, "80=127.0.0.1:1 53=[::1]:2", "tcp::127.0.0.1:1 udp::%5B::1%5D:2" + others},
	{"TO is a host name", listens, "80=localhost:1", "tcp::localhost:1 udp::127.0.0.1:53" + others},
	{"path to path", "ListenStream=/a\nListenSequentialPacket=@q", "/a=./b @q=/c", "unix::./b~make-directories unix-seqpacket::/c~make-directories"},
	{"path to abstract", "ListenDatagram=/a", "/a=@b", "unix-dgram::@b~make-directories"},
	{"port to path", "ListenStream=80\nListenDatagram=127.0.0.1:53", "80=./80 53=@53", "unix::./80~make-directories unix-dgram::@53~make-directories"},
	{"path to port", "ListenStream=/a\nListenDatagram=@b", "/a=1 @b=127.0.0.2:2", "tcp::127.0.0.1:1 udp::127.0.0.2:2"},
	{"the last of one FROM", "ListenStream=/a", "/a=localhost:0 /a=[::1]:0", "tcp::%5B::1%5D:0"},
	{"the last does not see the first", "ListenStream=80", "80=127.0.0.1:1 80=2", "tcp::%5B::%5D:2"},
	{"the last of two FROM", "ListenStream=80", "80=1 [::]:80=2", "tcp::%5B::%5D:2"},
	{"TO is - leaves out", listens, "80=- @q=-", "udp::127.0.0.1:53 unix::/a~make-directories"},
	{
		"the last of one FROM may be -", listens, "80=1 80=- /a=- /a=./a",
		"udp::127.0.0.1:53 unix::./a~make-directories unix-seqpacket::@q~make-directories",
	},
	{"- is each one of a port", "ListenStream=53\nListenDatagram=53\nListenStream=80", "53=-", "tcp::%5B::%5D:80"},
	{"all left out", listens, "80=- 53=- /a=- @q=-", ""},
	{"kinds that we do not open", kinds, "/f=- audit=- /m=- /d=- /u=- vsock:2:1234=- vsock::5=- vsock-dgram:2:1=-", "tcp::%5B::%5D:80"},
	{"datagrams of an accepting unit", "ListenStream=80\nListenDatagram=53\nAccept=yes", "53=-", "tcp::%5B::%5D:80"},
	{"specifiers in FROM", "ListenStream=%t/mpd/socket\nListenStream=%U", "%t/mpd/socket=./m %U=1", "unix::./m~make-directories tcp::%5B::%5D:1"},
	{"what they stand for", "ListenStream=%t/mpd/socket\nListenFIFO=%t/f", "/run/user/7/mpd/socket=./m %t/f=-", "unix::./m~make-directories"},
	{
		"no specifier in FROM", "ListenStream=/100%\nListenStream=[fe80::1]:80%%lo", "/100%=1 [fe80::1%lo]:80=2",
		"tcp::127.0.0.1:1 tcp::%5Bfe80::1%25lo%5D:2",
	},
	{
		"an address as units say it", "ListenStream=[fe80::1]:80%%eth0\nListenStream=0x50", "[fe80::1]:80%eth0=1 0x50=2",
		"tcp::%5Bfe80::1%25eth0%5D:1 tcp::%5B::%5D:2",
	},
	{
		"/var/run is /run", "ListenStream=/var/run/docker.sock\nListenDatagram=/run/log", "/run/docker.sock=./d /var/run/log=./l",
		"unix::./d~make-directories unix-dgram::./l~make-directories",
	},
	{"as the unit says it", "ListenStream=/var/run/docker.sock\nListenFIFO=/var/run/f", "/var/run/docker.sock=1 /run//f=-", "tcp::127.0.0.1:1"},
	{"= in a path", "ListenStream=/a=b\nListenStream=/z", "/a=b=./c=d", "unix::./c=d~make-directories unix::/z~make-directories"},
	{"a map is not mapped again", "ListenStream=80\nListenStream=127.0.0.1:81", "80=81 81=82", "tcp::%5B::%5D:81 tcp::127.0.0.1:82"},

	{
		"a port mapped to a path has SocketMode", "ListenStream=80\nSocketMode=0640\nDirectoryMode=0710\nPassCredentials=yes", "80=./80",
		"unix::./80~mode=0640~make-directories~directory-mode=0710~pass-credentials",
	},
	{"and no options of a port", "ListenStream=80\nReusePort=yes\nNoDelay=yes\nBindIPv6Only=both", "80=./80", "unix::./80~make-directories"},
	{
		"a path mapped to a port has its options", "ListenStream=/a\nReusePort=yes\nNoDelay=yes\nBindIPv6Only=both", "/a=1",
		"tcp::127.0.0.1:1~reuse-port~ipv6-only=no~no-delay",
	},
	{"and no options of a path", "ListenStream=/a\nSocketMode=0640\nDirectoryMode=0710", "/a=1", "tcp::127.0.0.1:1"},
	{
		"without a map, too", "ListenStream=80\nListenDatagram=/a\nSocketMode=0640\nNoDelay=yes\nBacklog=5", "",
		"tcp::%5B::%5D:80~backlog=5~no-delay unix-dgram::/a~mode=0640~make-directories",
	},
}

func TestMaps(t *testing.T) {
	t.Parallel()
	for _, test := range mapTests {
		maps, err := ParseMaps(strings.Fields(test.maps))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if got, err := mapAll(t, maps, test.lines); err != nil || got != test.want {
			t.Errorf("%s: %q, %v; want %q", test.name, got, err, test.want)
		}
		if err := maps.Unused(); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// TestMapsKeepNames: a socket at another address is called as the unit calls it.
func TestMapsKeepNames(t *testing.T) {
	t.Parallel()
	unit := parse(t, "ListenStream=80\nListenStream=/a\nFileDescriptorName=web")
	maps, err := ParseMaps([]string{"80=./80", "/a=./b"})
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := maps.Apply(unit)
	if err != nil || len(mapped) != 2 || mapped[0].Name != "web" || mapped[1].Name != "web" {
		t.Errorf("%+v, %v", mapped, err)
	}
}

const (
	writeHint = "write --map 80=8080, --map /run/app.sock=./app.sock or --map 80=-"
	fromHint  = "FROM is what a unit says: "
)

var mapErrorTests = []struct{ lines, maps, want, hint string }{
	{"", "80", `--map "80" is not FROM=TO`, writeHint},
	{"", "=1", `--map "=1" is not FROM=TO`, writeHint},
	{"", "=-", `--map "=-" is not FROM=TO`, writeHint},
	{"", "80=", `--map "80=" is not FROM=TO`, writeHint},
	{"", "80=1 =", `--map "=" is not FROM=TO`, writeHint},
	{"ListenSequentialPacket=/q", "/q=0", "--map /q=0: unix-seqpacket goes only over a path", "TO has a /, or is @name"},
	{"ListenSequentialPacket=/q", "/q=0 /q=./q", "--map /q=0: unix-seqpacket goes only over a path", "TO has a /, or is @name"},
	{"ListenStream=@other", "81=1", `--map "81=1" means no socket of a unit`, fromHint + "@other"},
	{"ListenStream=80", "80=1 81=1", `--map "81=1" means no socket of a unit`, fromHint + "80"},
	{"ListenStream=80", "80=81 81=82", `--map "81=82" means no socket of a unit`, fromHint + "80"},
	{"ListenStream=80", "127.0.0.1:80=1", `--map "127.0.0.1:80=1" means no socket of a unit`, fromHint + "80"},
	{"ListenStream=80", "x=1", `--map "x=1" means no socket of a unit`, fromHint + "80"},
	{"ListenStream=/a", "./a=1", `--map "./a=1" means no socket of a unit`, fromHint + "/a"},
	{"ListenStream=80", "%Q=1", `--map "%Q=1" means no socket of a unit`, fromHint + "80"},
	{"ListenStream=%t/a\nListenDatagram=127.0.0.1:53", "/a=-", `--map "/a=-" means no socket of a unit`, fromHint + "/run/user/7/a, 127.0.0.1:53"},

	{"ListenFIFO=/f", "", "app.socket:2: systemfd does not open ListenFIFO=/f", "leave it out: --map /f=-"},
	{"ListenFIFO=/f", "/f=./f", "app.socket:2: systemfd does not open ListenFIFO=/f", "leave it out: --map /f=-"},
	{"ListenFIFO=/f", "/f=- /f=./f", "app.socket:2: systemfd does not open ListenFIFO=/f", "leave it out: --map /f=-"},
	{
		"ListenStream=80\nListenStream=vsock:2:1234\nListenNetlink=audit 1", "", "app.socket:3: systemfd does not open ListenStream=vsock:2:1234",
		"leave them out: --map vsock:2:1234=- --map 'audit 1=-'",
	},
	{"ListenDatagram=53\nAccept=yes", "", "app.socket:2: Accept needs sockets that listen, udp does not", "leave it out: --map 53=-"},
	{
		"ListenStream=80\nAccept=yes\nListenDatagram=/a", "80=1", "app.socket:4: Accept needs sockets that listen, unix-dgram does not",
		"leave it out: --map /a=-",
	},
}

func TestMapErrors(t *testing.T) {
	t.Parallel()
	for _, test := range mapErrorTests {
		err := applyAll(t, strings.Fields(test.maps), test.lines)
		bad, ok := err.(interface{ Hint() string })
		if !ok || err.Error() != test.want || bad.Hint() != test.hint {
			t.Errorf("%q, %q: %#v, want %s, %s", test.lines, test.maps, err, test.want, test.hint)
		}
	}
}

// TestMapWithoutUnit: there is nothing that a --map could mean.
func TestMapWithoutUnit(t *testing.T) {
	t.Parallel()
	maps, err := ParseMaps([]string{"80=1"})
	if err != nil {
		t.Fatal(err)
	}
	if bad, ok := maps.Unused().(*MapError); !ok || bad.Hint() != "it changes what a unit says: -u FILE" {
		t.Errorf("%#v", bad)
	}
}

// TestMapErrorsOfSpec: what TO says is wrong as a specification is.
func TestMapErrorsOfSpec(t *testing.T) {
	t.Parallel()
	tests := []struct{ lines, maps, want string }{
		{"ListenStream=@other", "@other=x.sock", `bad socket "tcp::x.sock": `},
		{"ListenStream=80", "80=65536", `bad socket "tcp::65536": `},
		{"ListenDatagram=80", "80=@", `bad socket "unix-dgram::@": `},
	}
	for _, test := range tests {
		err := applyAll(t, []string{test.maps}, test.lines)
		if bad := (*spec.Error)(nil); !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), test.want) || bad.Hint() == "" {
			t.Errorf("%q: %#v, want %s", test.maps, err, test.want)
		}
	}
}

// applyAll returns the first error of maps and lines.
func applyAll(t *testing.T, texts []string, lines string) error {
	t.Helper()
	maps, err := ParseMaps(texts)
	if err != nil {
		return err
	}
	if _, err := mapAll(t, maps, lines); err != nil {
		return err
	}
	return maps.Unused()
}
