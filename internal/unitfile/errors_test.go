package unitfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/spec"
)

// checkError fails unless text is a unit whose error, behind the file's name, begins with want.
func checkError(t *testing.T, text, want string) {
	t.Helper()
	unit, err := parseText("dir/app.socket", text, spec.Defaults())
	bad, ok := err.(*Error)
	if !ok || !strings.HasPrefix(bad.Error(), "dir/app.socket"+want) {
		t.Errorf("%q: %+v, %v; want %s", text, unit, err, want)
	}
}

// checkLineError is checkError of one line of section Socket.
func checkLineError(t *testing.T, line, want string) {
	t.Helper()
	checkError(t, "[Unit]\n[Socket]\nListenStream=80\n"+line+"\n", ":4: "+want)
}

var errorTests = []struct{ text, want string }{
	{"", ": it opens no socket"},
	{"[Unit]\nDescription=x\n", ": it opens no socket"},
	{"[Socket]\nAccept=yes\n", ": it opens no socket"},
	{"[Socket]\nListenStream=80\nListenStream=\n", ": it opens no socket"},
	{"[Service]\nListenStream=80\n", ": it opens no socket"},
	{"[socket]\nListenStream=80\n", ": it opens no socket"},
	{"ListenStream=80\n", ": it opens no socket"},
	{"[Socket\nListenStream=80\n", `:1: bad section header "[Socket"`},
	{"[Socket]\nListenStream\n", ": it opens no socket"},
	{"[Socket]\nListenStream=80\n[Unit\n", `:3: bad section header "[Unit"`},
	{"[Socket]\nListenStream=%Q/x\n", `:2: unknown specifier "%Q"`},
	{"[Socket]\nListenStream=/%d/x\n", `:2: no value for "%d": only systemd has a directory of credentials`},
	{"[Socket]\nListenStream=/%m/x\n", `:2: no value for "%m": there is none`},
	{"[Socket]\nListenFIFO=/%m/x\n", `:2: no value for "%m": there is none`},
	// the first line of a continued one
	{"[Socket]\nListenStream=80\nBacklog \\\n= \\\n many\n", `:3: Backlog is a number of connections, not "many"`},
}

// TestErrors: each names the file, and the line if there is one.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, test := range errorTests {
		checkError(t, test.text, test.want)
	}
}

// TestErrorIsShort: a file of another kind may have long lines.
func TestErrorIsShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	unit, err := parseText("app.socket", long+"\n[Socket]\nListenStream=80\n"+long+"\n["+long+"\n", spec.Defaults())
	if err == nil || len(err.Error()) > 120 {
		t.Errorf("%+v, %v", unit, err)
	}
	unit, err = parseText("app.socket", long+"\n[Socket]\nListenStream=80\n"+long+"\n="+long, spec.Defaults())
	if err != nil || len(unit.Warnings) != 3 || len(strings.Join(unit.Warnings, "")) > 360 {
		t.Errorf("%q, %v", unit.Warnings, err)
	}
}

var valueErrorTests = []struct {
	keys, values []string
	want         string // with %[1]s for the key and %[2]q for the value
}{
	{
		[]string{"Accept", "Broadcast", "FreeBind", "KeepAlive", "NoDelay", "PassCredentials", "ReusePort"},
		[]string{"", "2", "maybe", "ye", `"yes"`, "yes # c", "default"},
		"%[1]s is yes or no, not %[2]q",
	},
	{
		[]string{"Backlog"},
		[]string{"", "-1", "many", "4294967296", "1K", "1_0", "1.5"},
		"%[1]s is a number of connections, not %[2]q",
	},
	{
		[]string{"BindIPv6Only"},
		[]string{"", "maybe", "BOTH"},
		"%[1]s is default, both or ipv6-only, not %[2]q",
	},
	{
		[]string{"ListenSequentialPacket"},
		[]string{"80", "1.2.3.4:80", "[::1]:80"},
		"sequential packets go only over unix sockets, %[2]q is none",
	},
	{
		[]string{"ReceiveBuffer", "SendBuffer"},
		[]string{
			"", "K", "64k", "64KB", "64KiB", "-1", "0x10", ".5K", "1..5K", "1e3", "5 5", "1KK", "500B 1K", "1_000", "infinity", "16E",
			"99999999999999999999",
		},
		"%[1]s is a number of bytes, as in 64K, not %[2]q",
	},
	{
		[]string{"SocketMode", "DirectoryMode"},
		[]string{"", "888", "-1", "+660", "rw-rw----", "17777", "0o660", "0x1", "7_7"},
		"%[1]s is octal, as in 0660, not %[2]q",
	},
}

func TestValueErrors(t *testing.T) {
	t.Parallel()
	for _, test := range valueErrorTests {
		for _, key := range test.keys {
			for _, value := range test.values {
				checkLineError(t, key+"="+value, fmt.Sprintf(test.want, key, value))
			}
		}
	}
}

var badAddresses = []string{
	"65536", "-1", "080", "80 81", "x", "./x", "/", "@", ":80", "*:80", "localhost:80", "tcp:80", `"80"`, "80\u00a0", "1_0",
	"1.2.3.4", "1.2.3.4:", "1.2.3:80", "1.2.3.256:80", "01.2.3.4:80", "1.2.3.4:99999", "1.2.3.4:00080", "1.2.3.4:80%%lo",
	"::1:80", "[::1]", "[::1]80", "[::1]:080", "[1.2.3.4]:80", "[]:80", "[:80", "]:80", "[::1:80", "::1]:80",
	"80%%lo", "[fe80::1%%a]:80%%a", "vsock:2:", "vsock:x:1", "vsock:2", "vsocks:2:1",
	"[fe80::1]:80%%", "[fe80::1]:80%", "[fe80::1]:80%%a/b", "[fe80::1]:80%%a b", "[fe80::1]:80%%a%%b", "[fe80::1]:80%%a:1",
	"[fe80::1]:80%%é", "[fe80::1]:80%%\xff", "[fe80::1]:80%%a\x00b", "[fe80::1]:80%%a\x7f",
	"[fe80::1%%]:80", "[fe80::1%%a/b]:80", "[fe80::1%%a b]:80", "[fe80::1%%a:b]:80", "[fe80::1%%é]:80",
}

func TestAddressErrors(t *testing.T) {
	t.Parallel()
	for _, value := range badAddresses {
		want := fmt.Sprintf("bad address %q: write PORT, IP:PORT, [IPv6]:PORT, /path or @name", strings.ReplaceAll(value, "%%", "%"))
		checkLineError(t, "ListenStream="+value, want)
		checkLineError(t, "ListenDatagram="+value, want)
	}
}
