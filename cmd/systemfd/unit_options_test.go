//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// umask is this process's; asking umask(2) would change it for all who run meanwhile.
func umask(t *testing.T) uint64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	bits, err := strconv.ParseUint(string(regexp.MustCompile(`(?m)^Umask:\s+(\d+)$`).FindSubmatch(status)[1]), 8, 32)
	if err != nil {
		t.Fatal(err)
	}
	return bits
}

// bufferOf is what systemd gets for a size: the kernel's doubling and, for who has the right, no limit.
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

// TestUnitOptions: every option on every kind of socket that it is for, and on the others without harm.
func TestUnitOptions(t *testing.T) {
	t.Parallel()
	const listens = "ListenStream=0.0.0.0:1\nListenStream=[::1]:1\nListenStream=1\nListenDatagram=127.0.0.1:1\nListenDatagram=[::1]:1\n" +
		"ListenStream=/run/0\nListenDatagram=/run/1\nListenSequentialPacket=/run/2\nListenStream=@0\nListenDatagram=@1\nListenSequentialPacket=@2\n"
	for _, options := range []string{
		"", "Backlog=7", "Backlog=0", "BindIPv6Only=both", "BindIPv6Only=ipv6-only", "ReusePort=yes", "FreeBind=yes", "NoDelay=yes", "KeepAlive=yes",
		"Broadcast=yes", "PassCredentials=yes", "SocketMode=0600", "SocketMode=0777", "SocketMode=0000", "ReceiveBuffer=64K\nSendBuffer=100K", "ReceiveBuffer=128M\nSendBuffer=8M",
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

// TestAsSystemdSocketActivate opens the same addresses with systemd's own tool, and compares what the command finds.
func TestAsSystemdSocketActivate(t *testing.T) {
	t.Parallel()
	testkit.Need(t, activate[0])
	ipv4, ipv6 := "127.0.0.1:%d", "[::1]:%d"
	tests := []struct{ directive, flag, address, network string }{
		{"ListenStream", "", "%d", "tcp"},
		{"ListenStream", "", ipv4, "tcp"},
		{"ListenStream", "", ipv6, "tcp"},
		{"ListenDatagram", "--datagram", "%d", "udp"},
		{"ListenDatagram", "--datagram", ipv4, "udp"},
		{"ListenDatagram", "--datagram", ipv6, "udp"},
		{"ListenStream", "", "/s", "unix"},
		{"ListenDatagram", "--datagram", "/s", "unixgram"},
		{"ListenSequentialPacket", "--seqpacket", "/s", "unixpacket"},
		{"ListenStream", "", "@%s", "unix"},
		{"ListenDatagram", "--datagram", "@%s", "unixgram"},
		{"ListenSequentialPacket", "--seqpacket", "@%s", "unixpacket"},
	}
	fields := regexp.MustCompile(`\b(domain|type|protocol|listening|v6only|reuseport|keepalive|nodelay|broadcast|address)=\S+`)
	for _, test := range tests {
		t.Run(test.directive+" "+test.address, func(t *testing.T) {
			t.Parallel()
			dir := testkit.Directory(t)
			address, target := "", ""
			switch {
			case test.address[0] == '/':
				address, target = dir+test.address, dir+test.address
			case test.address[0] == '@':
				address, target = fmt.Sprintf(test.address, dir), fmt.Sprintf(test.address, dir)
			default:
				_, port, err := net.SplitHostPort(testkit.FreePort(t))
				if err != nil {
					t.Fatal(err)
				}
				address = strings.Replace(test.address, "%d", port, 1)
				target = address
				if test.address == "%d" {
					target = "127.0.0.1:" + port
				}
			}
			find := func(argv ...string) string {
				os.Remove(filepath.Join(dir, "out"))
				start := []string{"sh", "-c", "probe options >out.part; mv out.part out; rm -f s; exec sleep 600"}
				cmd := exec.Command(argv[0], append(argv[1:], start...)...)
				cmd.Dir = dir
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				defer func() { cmd.Process.Kill(); cmd.Wait() }()
				return testkit.Find(t, "what "+argv[0]+" opens", func() (string, bool) {
					if c, err := net.Dial(test.network, target); err == nil {
						c.Write([]byte("x")) // systemd-socket-activate waits for that
						c.Close()
					}
					text, err := os.ReadFile(filepath.Join(dir, "out"))
					return strings.Join(fields.FindAllString(string(text), -1), " "), err == nil
				})
			}
			testkit.Write(t, dir, "app.socket", fmt.Sprintf("[Socket]\n%s=%s\n", test.directive, address))
			argv := []string{activate[0], "-E", "PATH", "-l", address}
			if test.flag != "" {
				argv = append(argv, test.flag)
			}
			theirs := find(argv...)
			os.Remove(address)
			ours := find("systemfd", "--quiet", "--lazy", "--unit", "app.socket", "--")
			if theirs == "" || ours != theirs {
				t.Errorf("we open\n%s, systemd-socket-activate\n%s", ours, theirs)
			}
		})
	}
}
