package unitfile

import (
	"errors"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/spec"
)

// apply returns what maps make of the sockets that lines of a unit say, with their options, "" if there is an error.
func apply(t *testing.T, maps Maps, lines string) (encoded string, err error) {
	t.Helper()
	var all []spec.Opening
	for _, o := range parse(t, lines).Openings {
		o.Name = ""
		if o, err = maps.Apply(o); err != nil {
			return "", err
		}
		all = append(all, o)
	}
	return strings.ReplaceAll(spec.EncodeOpenings(all), ",", " "), nil
}

// listens has a socket of each kind. others are those with a path, if no map means them.
const (
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
		if got, err := apply(t, maps, test.lines); err != nil || got != test.want {
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
	for _, o := range unit.Openings {
		if mapped, err := maps.Apply(o); err != nil || mapped.Name != "web" || mapped.Address() == o.Address() {
			t.Errorf("%+v, %v", mapped, err)
		}
	}
}

const (
	writeHint = "write --map 80=8080 or --map /run/app.sock=./app.sock"
	fromHint  = "FROM is a port, an address or a path as the unit says it"
)

var mapErrorTests = []struct{ lines, maps, want, hint string }{
	{"", "80", `--map "80" is not FROM=TO`, writeHint},
	{"", "=1", `--map "=1" is not FROM=TO`, writeHint},
	{"", "80=", `--map "80=" is not FROM=TO`, writeHint},
	{"", "80=1 =", `--map "=" is not FROM=TO`, writeHint},
	{"ListenSequentialPacket=/q", "/q=0", "--map /q=0: unix-seqpacket goes only over a path", "TO has a /, or is @name"},
	{"ListenSequentialPacket=/q", "/q=0 /q=./q", "--map /q=0: unix-seqpacket goes only over a path", "TO has a /, or is @name"},
	{"ListenStream=@other", "81=1", `--map "81=1" means no socket of a unit`, fromHint},
	{"ListenStream=80", "80=1 81=1", `--map "81=1" means no socket of a unit`, fromHint},
	{"ListenStream=80", "80=81 81=82", `--map "81=82" means no socket of a unit`, fromHint},
	{"ListenStream=80", "127.0.0.1:80=1", `--map "127.0.0.1:80=1" means no socket of a unit`, fromHint},
	{"ListenStream=80", "x=1", `--map "x=1" means no socket of a unit`, fromHint},
	{"ListenStream=/a", "./a=1", `--map "./a=1" means no socket of a unit`, fromHint},
}

func TestMapErrors(t *testing.T) {
	t.Parallel()
	for _, test := range mapErrorTests {
		err := applyAll(t, strings.Fields(test.maps), test.lines)
		bad, ok := err.(*MapError)
		if !ok || bad.Error() != test.want || bad.Hint() != test.hint {
			t.Errorf("%q: %#v, want %s, %s", test.maps, err, test.want, test.hint)
		}
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
	if _, err := apply(t, maps, lines); err != nil {
		return err
	}
	return maps.Unused()
}
