package spec

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

var parseTests = []struct{ text, canonical, address, display, url, fdname string }{
	// every TYPE
	{"tcp::3000", "tcp::127.0.0.1:3000", "127.0.0.1:3000", "127.0.0.1:3000 (tcp listener)", "", "tcp"},
	{"http::3000", "http::127.0.0.1:3000", "127.0.0.1:3000", "http://127.0.0.1:3000/", "http://127.0.0.1:3000/", "http"},
	{"https::3000", "https::127.0.0.1:3000", "127.0.0.1:3000", "https://127.0.0.1:3000/", "https://127.0.0.1:3000/", "https"},
	{"udp::3000", "udp::127.0.0.1:3000", "127.0.0.1:3000", "127.0.0.1:3000 (udp)", "", "udp"},
	{"unix::/run/a.sock", "unix::/run/a.sock", "/run/a.sock", "/run/a.sock (unix listener)", "", "unix"},
	{"HTTP::3000", "http::127.0.0.1:3000", "127.0.0.1:3000", "http://127.0.0.1:3000/", "http://127.0.0.1:3000/", "http"},
	{"Unix::a", "unix::a", "a", "a (unix listener)", "", "unix"},

	// without TYPE
	{"3000", "tcp::127.0.0.1:3000", "127.0.0.1:3000", "127.0.0.1:3000 (tcp listener)", "", "tcp"},
	{"localhost:3000", "tcp::localhost:3000", "localhost:3000", "localhost:3000 (tcp listener)", "", "tcp"},
	{"/run/a.sock", "unix::/run/a.sock", "/run/a.sock", "/run/a.sock (unix listener)", "", "unix"},
	{"./a.sock", "unix::./a.sock", "./a.sock", "./a.sock (unix listener)", "", "unix"},
	{"a/b", "unix::a/b", "a/b", "a/b (unix listener)", "", "unix"},

	// ports
	{"0", "tcp::127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0 (tcp listener)", "", "tcp"},
	{"3000+", "tcp::127.0.0.1:3000+", "127.0.0.1:3000+", "127.0.0.1:3000+ (tcp listener)", "", "tcp"},
	{"http::localhost:3000+", "http::localhost:3000+", "localhost:3000+", "http://localhost:3000+/", "http://localhost:3000+/", "http"},
	{"udp:::3000+", "udp::[::]:3000+", "[::]:3000+", "[::]:3000+ (udp)", "", "udp"},
	{"65535", "tcp::127.0.0.1:65535", "127.0.0.1:65535", "127.0.0.1:65535 (tcp listener)", "", "tcp"},
	{"00080", "tcp::127.0.0.1:80", "127.0.0.1:80", "127.0.0.1:80 (tcp listener)", "", "tcp"},

	// hosts
	{"10.1.2.3:80", "tcp::10.1.2.3:80", "10.1.2.3:80", "10.1.2.3:80 (tcp listener)", "", "tcp"},
	{"0.0.0.0:80", "tcp::0.0.0.0:80", "0.0.0.0:80", "0.0.0.0:80 (tcp listener)", "", "tcp"},
	{"udp::my-host_1.example:53", "udp::my-host_1.example:53", "my-host_1.example:53", "my-host_1.example:53 (udp)", "", "udp"},
	{"bücher.example:80", "tcp::bücher.example:80", "bücher.example:80", "bücher.example:80 (tcp listener)", "", "tcp"},
	{":80", "tcp::[::]:80", "[::]:80", "[::]:80 (tcp listener)", "", "tcp"},
	{"*:80", "tcp::[::]:80", "[::]:80", "[::]:80 (tcp listener)", "", "tcp"},
	{"[::]:80", "tcp::[::]:80", "[::]:80", "[::]:80 (tcp listener)", "", "tcp"},
	{"http:::80", "http::[::]:80", "[::]:80", "http://[::]:80/", "http://[::]:80/", "http"},
	{"[::1]:80", "tcp::[::1]:80", "[::1]:80", "[::1]:80 (tcp listener)", "", "tcp"},
	{"http::[0:0::1]:80", "http::[::1]:80", "[::1]:80", "http://[::1]:80/", "http://[::1]:80/", "http"},
	{"[fe80::1%eth0]:80", "tcp::[fe80::1%eth0]:80", "[fe80::1%eth0]:80", "[fe80::1%eth0]:80 (tcp listener)", "", "tcp"},
	{"[::ffff:10.1.2.3]:80", "tcp::10.1.2.3:80", "10.1.2.3:80", "10.1.2.3:80 (tcp listener)", "", "tcp"},

	// URLs, as we print them
	{"http://127.0.0.1:3000/", "http::127.0.0.1:3000", "127.0.0.1:3000", "http://127.0.0.1:3000/", "http://127.0.0.1:3000/", "http"},
	{"HTTPS://localhost:3000", "https::localhost:3000", "localhost:3000", "https://localhost:3000/", "https://localhost:3000/", "https"},
	{"tcp://[::1]:3000", "tcp::[::1]:3000", "[::1]:3000", "[::1]:3000 (tcp listener)", "", "tcp"},
	{"web=http://:3000/", "web=http::[::]:3000", "[::]:3000", "http://[::]:3000/", "http://[::]:3000/", "web"},

	// with TYPE:: or a leading ./, what looks like something else is a path
	{"unix::http:/3000", "unix::http:/3000", "http:/3000", "http:/3000 (unix listener)", "", "unix"},
	{"./~/3000/tcp", "unix::./~/3000/tcp", "./~/3000/tcp", "./~/3000/tcp (unix listener)", "", "unix"},
	{"tcp::http:80", "tcp::http:80", "http:80", "http:80 (tcp listener)", "", "tcp"},
	{"3000/a", "unix::3000/a", "3000/a", "3000/a (unix listener)", "", "unix"},
	{"@http:/a", "unix::@http:/a", "@http:/a", "@http:/a (unix listener)", "", "unix"},

	// names, and if there is none
	{"web=3000", "web=tcp::127.0.0.1:3000", "127.0.0.1:3000", "127.0.0.1:3000 (tcp listener)", "", "web"},
	{"Az09._@+-=http::80", "Az09._@+-=http::127.0.0.1:80", "127.0.0.1:80", "http://127.0.0.1:80/", "http://127.0.0.1:80/", "Az09._@+-"},
	{"http=udp::53", "http=udp::127.0.0.1:53", "127.0.0.1:53", "127.0.0.1:53 (udp)", "", "http"},
	{"web=/run/a.sock", "web=unix::/run/a.sock", "/run/a.sock", "/run/a.sock (unix listener)", "", "web"},
	{"web=unix::/tmp/a=b", "web=unix::/tmp/a=b", "/tmp/a=b", "/tmp/a=b (unix listener)", "", "web"},
	{"unix::/tmp/a=b", "unix::/tmp/a=b", "/tmp/a=b", "/tmp/a=b (unix listener)", "", "unix"},
	{"unix::a=b", "unix::a=b", "a=b", "a=b (unix listener)", "", "unix"},
	{"/tmp/a=b", "unix::/tmp/a=b", "/tmp/a=b", "/tmp/a=b (unix listener)", "", "unix"},
	{"/tmp/a::b", "unix::/tmp/a::b", "/tmp/a::b", "/tmp/a::b (unix listener)", "", "unix"},
	{"a=b=/c", "a=unix::b=/c", "b=/c", "b=/c (unix listener)", "", "a"},
	{"./a b,c\n", "unix::./a b,c\n", "./a b,c\n", "./a b,c\n (unix listener)", "", "unix"},
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, test := range parseTests {
		s, err := Parse(test.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", test.text, err)
			continue
		}
		for _, part := range []struct{ what, got, want string }{
			{"String", s.String(), test.canonical},
			{"Address", s.Address(), test.address},
			{"Display", s.Display(), test.display},
			{"URL", s.URL(), test.url},
			{"FDName", s.FDName(), test.fdname},
		} {
			if part.got != part.want {
				t.Errorf("Parse(%q).%s() = %q, want %q", test.text, part.what, part.got, part.want)
			}
		}
		if again, err := Parse(s.String()); err != nil || again != s {
			t.Errorf("Parse(%q) = %#v, %v; want %#v", s, again, err, s)
		}
	}
}

// TestParseFields pins what the canonical forms cannot tell.
func TestParseFields(t *testing.T) {
	t.Parallel()
	tests := map[string]Spec{
		"3000":            {Type: "tcp", Addr: netip.MustParseAddrPort("127.0.0.1:3000")},
		":80":             {Type: "tcp", Addr: netip.AddrPortFrom(Any, 80)},
		"name:80":         {Type: "tcp", Host: "name", Addr: netip.AddrPortFrom(netip.Addr{}, 80)},
		"web=unix::./a.b": {Name: "web", Type: "unix", Path: "./a.b"},
	}
	for text, want := range tests {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q) = %#v, %v; want %#v", text, got, err, want)
		}
	}
}

const nameHint = "a name has 1 to 255 of A-Z a-z 0-9 . _ @ + -"

var longName = strings.Repeat("n", 256)

// parseBadTests have what was meant, " and " between, or if nothing comes to mind, what begins the hint.
var parseBadTests = []struct{ text, problem, meant, hint string }{
	// unknown type
	{"tpc::3000", `unknown type "tpc"`, "tcp::3000", ""},
	{"HTPS::3000", `unknown type "HTPS"`, "https::3000", ""},
	{"unx::/a", `unknown type "unx"`, "unix::/a", ""},
	{"web=htp::80", `unknown type "htp"`, "web=http::80", ""},
	{"bad::0", `unknown type "bad"`, "", "the types are tcp"},
	{"frob::3000", `unknown type "frob"`, "", "the types are tcp, http, https, udp, unix"},
	{"tcp4::3000", `unknown type "tcp4"`, "tcp::3000", ""},
	{"wss::3000", `unknown type "wss"`, "https::3000", ""},
	{"unixpacket::./a", `unknown type "unixpacket"`, "unix-seqpacket::./a", ""},
	{"web:http::3000", `unknown type "web:http"`, "web=http::3000", ""},
	{"::3000", `no type before "::"`, "3000", ""},
	{"::x", `unknown type ""`, "", "the types are tcp"},
	{"::1:3000", "an IPv6 address needs brackets", "[::1]:3000", ""},
	{"::1", "an IPv6 address needs brackets", "[::1]:3000", ""},
	{"fe80:1::1:3000", "an IPv6 address needs brackets", "[fe80:1::1]:3000", ""},

	// one colon, URLs
	{"http:3000", `"http" is followed by two colons`, "http::3000", ""},
	{"http:/3000", `"http" is followed by two colons`, "http::3000", ""},
	{"web=HTTP:3000", `"HTTP" is followed by two colons`, "web=http::3000", ""},
	{"tcp:[::1]:80", `"tcp" is followed by two colons`, "tcp::[::1]:80", ""},
	{"http:./a.sock", `"http" is followed by two colons`, "unix::./a.sock", ""},
	{"unix:./a.sock", `"unix" is followed by two colons`, "unix::./a.sock", ""},
	{"unix:a.sock", `"unix" is followed by two colons`, "unix::a.sock", ""},
	{"unix:/run/a", `"unix" is followed by two colons`, "unix::/run/a", ""},
	{"unix:///run/a", `"unix" is followed by two colons`, "unix::/run/a", ""},
	{"udp://127.0.0.1:53", `"udp" is followed by two colons`, "udp::127.0.0.1:53", ""},
	{"http://localhost", "no port", "http::localhost:3000", ""},
	{"http://localhost:3000/app", `a socket has no path, as "/app"`, "http::localhost:3000", ""},
	{"http::http://localhost:3000/", "http takes a port or host:port, not a path", "http://localhost:3000/", ""},
	{"http::localhost:3000/", "http takes a port or host:port, not a path", "http::localhost:3000", ""},
	{"http:://localhost:3000", "http takes a port or host:port, not a path", "http::localhost:3000", ""},
	{"http::/3000", "http takes a port or host:port, not a path", "http::3000", ""},
	{"ws://localhost:3000", `unknown type "ws"`, "http::localhost:3000", ""},
	{"grpc://localhost:3000/", `unknown type "grpc"`, "tcp::localhost:3000", ""},
	{"file:/run/a", `unknown type "file"`, "unix::/run/a", ""},
	{"localhost:3000/", `"localhost:3000" is an address, and has no path`, "localhost:3000", ""},
	{"3000/", `"3000" is an address, and has no path`, "3000", ""},
	{"53/udp", `"53" is an address, and has no path`, "udp::53", ""},

	// no port
	{"", "no port", "3000", ""},
	{"http", "no port", "http::3000", ""},
	{"http::", "no port", "http::3000", ""},
	{"web=", "no port", "web=3000", ""},
	{"localhost", "no port", "localhost:3000", ""},
	{"localhost:", "no port", "localhost:3000", ""},
	{"*", "no port", "*:3000", ""},
	{":", "no port", "", "write tcp::3000, tcp::127.0.0.1:3000 or tcp::[::1]:3000"},
	{"[::1]", "no port", "[::1]:3000", ""},
	{"udp::::1", "an IPv6 address needs brackets", "udp::[::1]:3000", ""},
	{"127.0.0.1", "no port", "127.0.0.1:3000", ""},
	{"app.sock", "no port", "./app.sock", ""},
	{"web=app.socket", "no port", "web=./app.socket", ""},
	{"HOST", "no port", "", "write tcp::3000"},
	{"300O", "no port", "", "write tcp::3000"},

	// several
	{"3000,3001", "it says more than one socket", "3000 and 3001", ""},
	{"3000 3001", "it says more than one socket", "3000 and 3001", ""},
	{"http::3000, 3001", "it says more than one socket", "http::3000 and http::3001", ""},
	{"http::3000;udp::53", "it says more than one socket", "http::3000 and udp::53", ""},
	{"a=3000,b=3001", "it says more than one socket", "a=3000 and b=3001", ""},
	{"3000-3002", "it says more than one socket", "3000 and 3001 and 3002", ""},
	{"127.0.0.1:3000-3001", "it says more than one socket", "127.0.0.1:3000 and 127.0.0.1:3001", ""},
	{"1-65535", `port "1-65535" is not a number from 0 to 65535`, "", "0 stands"},

	// blanks and quotes
	{"http:: 3000", "no port", "http::3000", ""},
	{"http 3000", "no port", "http::3000", ""},
	{"localhost 3000", "no port", "localhost:3000", ""},
	{"127.0.0.1 : 3000", `port " 3000" is not a number from 0 to 65535`, "127.0.0.1:3000", ""},
	{"localhost: 80", `port " 80" is not a number from 0 to 65535`, "localhost:80", ""},
	{" 3000", "no port", "3000", ""},
	{"\u201chttp::3000\u201d", "unknown type \"\u201chttp\"", "http::3000", ""},
	{"'3000'", "no port", "3000", ""},

	// bad port
	{"65536", `port "65536" is not a number from 0 to 65535`, "", "0 stands for any free port"},
	{"99999999999999999999", `port "99999999999999999999" is not a number from 0 to 65535`, "", "0 stands"},
	{"-1", `port "-1" is not a number from 0 to 65535`, "", "0 stands"},
	{"127.0.0.1:-1", `port "-1" is not a number from 0 to 65535`, "", "0 stands"},
	{"localhost:+1", `port "+1" is not a number from 0 to 65535`, "", "0 stands"},
	{":http", `port "http" is not a number from 0 to 65535`, ":80", ""},
	{"localhost:https", `port "https" is not a number from 0 to 65535`, "localhost:443", ""},
	{"localhost:0x50", `port "0x50" is not a number from 0 to 65535`, "", "0 stands"},
	{"http::$PORT", "no port", "", "write http::3000"},

	// bad host
	{"1.2.3:80", `bad IP address "1.2.3"`, "", "write four numbers from 0 to 255, as in 127.0.0.1:3000"},
	{"1.2.3.256:80", `bad IP address "1.2.3.256"`, "", "write four numbers"},
	{"1.2.3.04:80", `bad IP address "1.2.3.04"`, "", "write four numbers"},
	{"8080:80", `bad IP address "8080"`, "8080", ""},
	{"127.0.0.1:8080:80", "an IPv6 address needs brackets", "127.0.0.1:8080", ""},
	{"3000:localhost", `port "localhost" is not a number from 0 to 65535`, "localhost:3000", ""},
	{"[::g]:80", `bad IPv6 address "[::g]"`, "", "write it as in [::1]:3000 or [fe80::1%eth0]:3000"},
	{"[]:80", `bad IPv6 address "[]"`, "", "write it as in [::1]:3000"},
	{"[127.0.0.1]:80", `bad IPv6 address "[127.0.0.1]"`, "", "write it as in [::1]:3000"},
	{"[fe80::1%]:80", `bad IPv6 address "[fe80::1%]"`, "", "write it as in [::1]:3000"},
	{"[localhost]:80", `bad IPv6 address "[localhost]"`, "", "write it as in [::1]:3000"},
	{"[::1]3000", `no colon behind "[::1]"`, "[::1]:3000", ""},
	{"[::1:80", `unpaired bracket in "[::1"`, "[::1]:80", ""},
	{"tcp::1]:80", `unpaired bracket in "1]"`, "", "write tcp::3000"},
	{"127.0.0.1::3000", `unknown type "127.0.0.1"`, "127.0.0.1:3000", ""},
	{"http::localhost::3000", "an IPv6 address needs brackets", "http::localhost:3000", ""},
	{"tcp::::1:80", "an IPv6 address needs brackets", "tcp::[::1]:80", ""},
	{"https::a:b:80", "an IPv6 address needs brackets", "", "write https::3000, https::127.0.0.1:3000 or https::[::1]:3000"},
	{"**:80", `bad host "**"`, "", "a host is a name, an IPv4 address, an IPv6 address in brackets, or * for every address"},
	{"a\x00b:80", `bad host "a\x00b"`, "", "a host is a name"},

	// bad path
	{"unix::", "empty path", "", "write unix::/path/to/socket"},
	{"web=unix::", "empty path", "", "write unix::/path/to/socket"},
	{"@", "empty abstract name", "", "write @name"},
	{"unix::/a\x00b", "a path cannot hold a NUL byte", "", "write unix::/path/to/socket"},
	{"http::/run/a.sock", "http takes a port or host:port, not a path", "unix::/run/a.sock", ""},
	{"udp::./a.sock", "udp takes a port or host:port, not a path", "unix-dgram::./a.sock", ""},
	{"tcp::@name", "tcp takes a port or host:port, not a path", "unix::@name", ""},
	{"~/a.sock", "~ was not expanded: a shell does that only at the beginning of an unquoted word", "", "write TYPE::HOST:PORT, or a path that begins with / or ./"},
	{"unix::~me/a.sock", "~ was not expanded: a shell does that only at the beginning of an unquoted word", "", "write TYPE::HOST:PORT"},

	// bad name
	{"=3000", `bad name ""`, "3000", ""},
	{"=http::3000", `bad name ""`, "http::3000", ""},
	{"a b=3000", `bad name "a b"`, "a-b=3000", ""},
	{"a:b=3000", `bad name "a:b"`, "a-b=3000", ""},
	{"ä=3000", `bad name "ä"`, "3000", ""},
	{longName + "=3000", `bad name "` + longName + `"`, "", nameHint},
}

func TestParseBad(t *testing.T) {
	t.Parallel()
	for _, test := range parseBadTests {
		s, err := Parse(test.text)
		bad, ok := err.(*Error)
		if !ok {
			t.Errorf("Parse(%q) = %#v, %v; want an *Error", test.text, s, err)
			continue
		}
		if s != (Spec{}) {
			t.Errorf("Parse(%q) = %#v beside its error", test.text, s)
		}
		if bad.Text != test.text || bad.Problem != test.problem {
			t.Errorf("Parse(%q): %v; want %q", test.text, err, test.problem)
		}
		if got := strings.Join(bad.Right, " and "); got != test.meant {
			t.Errorf("Parse(%q): %q was meant, want %q", test.text, got, test.meant)
		}
		if test.meant != "" {
			test.hint = "write " + test.meant
		}
		if !strings.HasPrefix(bad.Hint(), test.hint) {
			t.Errorf("Parse(%q): hint %q, want %q first", test.text, bad.Hint(), test.hint)
		}
	}
}

func TestErrorQuotesTheSpec(t *testing.T) {
	t.Parallel()
	_, err := Parse("a\nb:80")
	if got, want := err.Error(), `bad socket "a\nb:80": bad host "a\nb"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestValidName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "0", "-", "A.b_c@d+e-f", strings.Repeat("n", 255)} {
		if !ValidName(name) {
			t.Errorf("ValidName(%q) = false", name)
		}
	}
	for c := range 256 {
		name := string([]byte{byte(c)})
		want := strings.Contains("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@+-", name)
		if ValidName(name) != want {
			t.Errorf("ValidName(%q) = %v", name, !want)
		}
	}
	for _, name := range []string{"", longName, "ä", "a:b"} {
		if ValidName(name) {
			t.Errorf("ValidName(%q) = true", name)
		}
	}
}

var typeTests = []struct {
	typ       Type
	family    Family
	transport Transport
	plainest  Type
}{
	{"tcp", Inet, Stream, "tcp"},
	{"http", Inet, Stream, "tcp"},
	{"https", Inet, Stream, "tcp"},
	{"udp", Inet, Datagram, "udp"},
	{"unix", Unix, Stream, "unix"},
	{"", "", "", ""},
	{"TCP", "", "", ""}, // a Type is in lower case
}

func TestTypes(t *testing.T) {
	t.Parallel()
	for _, want := range []Type{"tcp", "http", "https", "udp", "unix"} {
		if !slices.Contains(Types(), want) {
			t.Errorf("Types() = %q, without %q", Types(), want)
		}
	}
	for _, test := range typeTests {
		if test.typ.Family() != test.family || test.typ.Transport() != test.transport {
			t.Errorf("%q is %q, %q; want %q, %q", test.typ, test.typ.Family(), test.typ.Transport(), test.family, test.transport)
		}
		if got := TypeOf(test.family, test.transport); got != test.plainest {
			t.Errorf("TypeOf(%q, %q) = %q, want %q", test.family, test.transport, got, test.plainest)
		}
	}
}

var sameSocketTests = []struct {
	a, b string
	same bool
}{
	{"tcp::3000", "web=http::127.0.0.1:3000", true},
	{"https::3000", "http::3000", true},
	{":80", "[::]:80", true},
	{"a=unix::/x", "b=unix::/x", true},
	{"localhost:80", "localhost:80", true},
	{"tcp::3000", "udp::3000", false},
	{"tcp::3000", "tcp::3001", false},
	{"127.0.0.1:80", "127.0.0.2:80", false},
	{"localhost:80", "127.0.0.1:80", false},
	{"0.0.0.0:80", "[::]:80", false},
	{"[fe80::1%a]:80", "[fe80::1%b]:80", false},
	{"unix::/x", "unix::/y", false},
}
