//go:build linux

package main

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux: it compares options that no other system has with what systemd sets.

// umask is that of this process. Asking umask(2) would change it for the other tests.
func umask(t *testing.T) uint64 {
	t.Helper()
	return procNumber(t, "/proc/self/status", "Umask", 8)
}

// bufferOf is what systemd gets for a size: the kernel doubles it and, for root, does not limit it.
func bufferOf(t *testing.T, domain, sotype, plain, force int, size string) int {
	t.Helper()
	fd, err := unix.Socket(domain, sotype|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if size != "" {
		bytes, err := strconv.Atoi(strings.NewReplacer("K", "", "M", "").Replace(size))
		if err != nil {
			t.Fatal(err)
		}
		bytes *= map[byte]int{'K': 1 << 10, 'M': 1 << 20}[size[len(size)-1]]
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, bytes) != nil {
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, bytes)
		}
	}
	value, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, plain)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// wanted is the line of probe options, as a pattern, that a Listen directive and the others of its unit ask for.
func (l listening) wanted(t *testing.T, set settings) string {
	t.Helper()
	sotype := map[string]int{"Stream": unix.SOCK_STREAM, "Datagram": unix.SOCK_DGRAM, "SequentialPacket": unix.SOCK_SEQPACKET}[l.kind]
	protocol, options := 0, l.unixOptions
	if l.domain != unix.AF_UNIX {
		protocol = map[int]int{unix.SOCK_STREAM: unix.IPPROTO_TCP, unix.SOCK_DGRAM: unix.IPPROTO_UDP}[sotype]
		options = l.inetOptions
	}
	return fmt.Sprintf("domain=%d type=%d protocol=%d listening=%d rcvbuf=%d sndbuf=%d reuseport=%d%s",
		l.domain, sotype, protocol, bit(sotype != unix.SOCK_DGRAM),
		bufferOf(t, l.domain, sotype, unix.SO_RCVBUF, unix.SO_RCVBUFFORCE, set["ReceiveBuffer"]),
		bufferOf(t, l.domain, sotype, unix.SO_SNDBUF, unix.SO_SNDBUFFORCE, set["SendBuffer"]),
		bit(protocol != 0)*set.yes("ReusePort"), options(t, set))
}

func bit(is bool) int { return map[bool]int{true: 1}[is] }

func (set settings) yes(key string) int {
	return bit(slices.Contains([]string{"yes", "true", "1", "on"}, set[key]))
}

func (l listening) unixOptions(t *testing.T, set settings) string {
	t.Helper()
	options := fmt.Sprintf(" passcred=%d address=%s", set.yes("PassCredentials"), l.bound)
	if l.bound[0] == '@' {
		return options
	}
	return options + " mode=" + cmp.Or(set["SocketMode"], fmt.Sprintf("%04o", 0o666&^umask(t)))
}

func (l listening) inetOptions(_ *testing.T, set settings) string {
	udp, nodelay, backlog := bit(l.kind == "Datagram"), "", ""
	if l.kind == "Stream" {
		nodelay = fmt.Sprintf(" nodelay=%d", set.yes("NoDelay"))
		backlog = " backlog=" + cmp.Or(set["Backlog"], "4096")
	}
	only := ""
	if l.domain == unix.AF_INET6 {
		dual := strings.HasPrefix(l.bound, `\[::\]`) && set["BindIPv6Only"] != "ipv6-only" && set["BindIPv6Only"] != "yes"
		only = fmt.Sprintf(" v6only=%d", bit(!dual)) // what is bound to one address is the kernel's decision
	}
	return fmt.Sprintf(" keepalive=%d broadcast=%d%s freebind=%d%s%s address=%s",
		(1-udp)*set.yes("KeepAlive"), udp*set.yes("Broadcast"), nodelay, set.yes("FreeBind"), only, backlog, l.bound)
}

// TestUnitOptions: every option works on every kind of socket that it is for, and does no harm on the others.
func TestUnitOptions(t *testing.T) {
	t.Parallel()
	const listens = "ListenStream=0.0.0.0:1\nListenStream=[::1]:1\nListenStream=1\nListenDatagram=127.0.0.1:1\nListenDatagram=[::1]:1\n" +
		"ListenStream=/run/0\nListenDatagram=/run/1\nListenSequentialPacket=/run/2\nListenStream=@0\nListenDatagram=@1\nListenSequentialPacket=@2\n"
	for _, options := range []string{
		"", "Backlog=7", "Backlog=0", "BindIPv6Only=both", "BindIPv6Only=ipv6-only", "ReusePort=yes", "FreeBind=yes", "NoDelay=yes", "KeepAlive=yes",
		"Broadcast=yes", "PassCredentials=yes", "SocketMode=0600", "SocketMode=0777", "SocketMode=0000",
		"ReceiveBuffer=64K\nSendBuffer=100K", "ReceiveBuffer=128M\nSendBuffer=8M",
	} {
		t.Run(options, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			text := "[Socket]\n" + listens + options + "\n"
			testkit.Write(t, dir, "app.socket", text)
			checkUnit(t, filepath.Join(dir, "app.socket"), text)
		})
	}
}

// activateTests are addresses of a unit and of systemd-socket-activate. %h is a host that nobody else uses, %s the directory
// of the test. An address that ends in ":" gets a port that is free there, "" is a port of every address.
var activateTests = []activateTest{
	{"ListenStream", "", "", "tcp"},
	{"ListenStream", "", "%h:", "tcp"},
	{"ListenStream", "", "[::1]:", "tcp"},
	{"ListenDatagram", "--datagram", "", "udp"},
	{"ListenDatagram", "--datagram", "%h:", "udp"},
	{"ListenDatagram", "--datagram", "[::1]:", "udp"},
	{"ListenStream", "", "%s/s", "unix"},
	{"ListenDatagram", "--datagram", "%s/s", "unixgram"},
	{"ListenSequentialPacket", "--seqpacket", "%s/s", "unixpacket"},
	{"ListenStream", "", "@%s", "unix"},
	{"ListenDatagram", "--datagram", "@%s", "unixgram"},
	{"ListenSequentialPacket", "--seqpacket", "@%s", "unixpacket"},
}

type activateTest struct{ directive, flag, address, network string }

// TestAsSystemdSocketActivate opens the same addresses with systemd's own tool, and compares what the command finds.
func TestAsSystemdSocketActivate(t *testing.T) {
	t.Parallel()
	testkit.Need(t, activate[0])
	for _, test := range activateTests {
		t.Run(test.directive+" "+test.address, func(t *testing.T) {
			t.Parallel()
			test.check(t)
		})
	}
}

func (test activateTest) check(t *testing.T) {
	t.Helper()
	dir := testkit.Directory(t)
	address := strings.NewReplacer("%h", testkit.FreeHost(), "%s", dir).Replace(test.address)
	if address == "" || strings.HasSuffix(address, ":") {
		address += freePortOf(t, address)
	}
	target := address
	if test.address == "" {
		target = "127.0.0.1:" + address
	}
	testkit.Write(t, dir, "app.socket", fmt.Sprintf("[Socket]\n%s=%s\n", test.directive, address))
	argv := []string{activate[0], "-E", "PATH", "-l", address}
	if test.flag != "" {
		argv = append(argv, test.flag)
	}
	theirs := opens(t, dir, test.network, target, argv...)
	os.Remove(address)
	ours := opens(t, dir, test.network, target, "systemfd", "--quiet", "--lazy", "--unit", "app.socket", "--")
	if theirs == "" || ours != theirs {
		t.Errorf("we open\n%s, systemd-socket-activate\n%s", ours, theirs)
	}
}

// freePortOf returns a port that is free at an address, "" for every one.
func freePortOf(t *testing.T, address string) string {
	t.Helper()
	l, err := net.Listen("tcp", strings.TrimSuffix(address, ":")+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

var compared = regexp.MustCompile(`\b(domain|type|protocol|listening|v6only|reuseport|keepalive|nodelay|broadcast|address)=\S+`)

// opens returns the options of the socket that an activator opens when the first client comes. Another program may have the
// port for a moment, as its own end of a connection: then the activator is started again.
func opens(t *testing.T, dir, network, address string, activator ...string) (options string) {
	t.Helper()
	os.Remove(filepath.Join(dir, "out"))
	argv := append(activator[1:], "sh", "-c", "probe options >out.part; mv out.part out; rm -f s; exec sleep 600")
	return testkit.Find(t, "what "+activator[0]+" opens", func() (string, bool) {
		cmd := exec.Command(activator[0], argv...)
		cmd.Dir = dir
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return knock(cmd, network, address)
	})
}

// knock is the first client, until the command has told of its socket, or has ended. The command ends with that.
func knock(cmd *exec.Cmd, network, address string) (options string, hasTold bool) {
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	defer func() {
		cmd.Process.Kill()
		<-ended
	}()
	for deadline := time.Now().Add(testkit.Patience); time.Now().Before(deadline); {
		if c, err := net.Dial(network, address); err == nil {
			c.SetDeadline(time.Now().Add(time.Second)) // nobody reads, and the queue may be full
			c.Write([]byte("x"))                       // systemd-socket-activate waits for that
			c.Close()
		}
		if text, err := os.ReadFile(filepath.Join(cmd.Dir, "out")); err == nil {
			return strings.Join(compared.FindAllString(string(text), -1), " "), true
		}
		select {
		case <-ended:
			return "", false
		case <-time.After(5 * time.Millisecond):
		}
	}
	return "", false
}
