//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// acceptor starts systemfd --accept with more arguments, and returns the first address at which it accepts.
func acceptor(p *testkit.Project, args ...string) (l *testkit.Running, address string) {
	p.T.Helper()
	l = p.Launch(append([]string{"systemfd", "--accept", "--info-file", "info"}, args...)...)
	return l, p.Opened()
}

// checkEcho sends a line, which has to come back, and hangs up.
func checkEcho(t *testing.T, c net.Conn) {
	t.Helper()
	defer c.Close()
	if got, err := testkit.Exchange(c, "hello"); err != nil || got != "hello" {
		t.Errorf("the client gets %q, %v", got, err)
	}
}

// checkEnd sends a signal to the command, which has to end by it.
func checkEnd(t *testing.T, l *testkit.Running, s syscall.Signal) {
	t.Helper()
	l.Send(s)
	if end := l.AwaitEnd(); end != s.String() {
		t.Errorf("it ends of %s, want %s", end, s)
	}
}

// TestAccept: each connection has a command of its own, which finds the same as one of Accept=yes below systemd.
func TestAccept(t *testing.T) {
	t.Parallel()
	const script = `{ env; echo "pid $$"; probe; probe options; } >&3`
	p := testkit.NewProject(t)
	argv := []string{
		"env", "REMOTE_ADDR=evil", "REMOTE_PORT=1", "LISTEN_PIDFDID=1", "SYSTEMFD_HOLDER=/no",
		"systemfd", "-s", "http::0", "-s", "[::1]:0", "-s", ":0", "-s", "unix::./s", "--accept", "--pid", "--info-file", "info",
	}
	if testkit.HasSeqPacket {
		argv = append(argv, "-s", "unix-seqpacket::./q")
	}
	l := p.Launch(append(argv, "--", "sh", "-c", script)...)
	found := p.Addresses()
	_, everyPort, err := net.SplitHostPort(found[2])
	if err != nil {
		t.Fatal(err)
	}
	tests := []acceptTest{
		{"tcp", found[0], "127.0.0.1", "2"},
		{"tcp", found[1], "::1", "10"},
		{"tcp", "127.0.0.1:" + everyPort, "127.0.0.1", "10"},
		{"unix", found[3], "", "1"},
	}
	if testkit.HasDualStack {
		tests = append(tests, acceptTest{"tcp", "[::1]:" + everyPort, "::1", "10"})
	}
	if testkit.HasSeqPacket {
		tests = append(tests, acceptTest{"unixpacket", found[4], "", "1"})
	}
	for _, test := range tests {
		test.check(t)
	}
	testkit.AwaitChildless(t, l.Process.Pid)
}

// acceptTest is a connection, and what the command prints about it.
type acceptTest struct{ network, address, remote, domain string }

func (test acceptTest) check(t *testing.T) {
	t.Helper()
	c, read := testkit.DialAny(t, test.network, test.address), testkit.ReadAll
	if test.network == "unixpacket" {
		read = readPackets
	}
	text := read(t, c)
	pid := regexp.MustCompile(`(?m)^pid (\d+)$`).FindStringSubmatch(text)
	if pid == nil {
		t.Fatalf("%s: the command prints %q", test.address, text)
	}
	testkit.Says(t, text, "LISTEN_FDS=1", "LISTEN_FDNAMES=connection", "LISTEN_PID="+pid[1], "fd 3 socket type=[15] listening=0 .*")
	testkit.Says(t, text, "SYSTEMFD_HOLDER=") // no holder is to be looked for
	testkit.SaysNot(t, text, "LISTEN_PIDFDID=.*", "SYSTEMFD_HOLDER=.+", "SYSTEMFD_SOCKETS=.*", "fd [4-9] socket .*")
	if test.remote == "" {
		testkit.SaysNot(t, text, "REMOTE_.*")
		return
	}
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	testkit.Says(t, text, "REMOTE_ADDR="+regexp.QuoteMeta(test.remote), "REMOTE_PORT="+port)
	if runtime.GOOS == "linux" { // elsewhere probe does not tell the options
		testkit.Says(t, text, "domain="+test.domain+" .* keepalive=0 .* nodelay=0 .*")
	}
	if n := strings.Count(text, "REMOTE_"); n != 2 {
		t.Errorf("%d REMOTE_ variables in %s", n, text)
	}
}

// readPackets is testkit.ReadAll for packets: a read into a small buffer would lose the rest of a packet.
func readPackets(t *testing.T, c net.Conn) (text string) {
	t.Helper()
	c.SetDeadline(time.Now().Add(testkit.Patience))
	packet := make([]byte, 1<<16)
	for {
		n, err := c.Read(packet)
		text += string(packet[:n])
		switch {
		case errors.Is(err, io.EOF):
			return text
		case err != nil:
			t.Fatal(err)
		}
	}
}

// TestAcceptInherited: the commands have no sockets that systemfd itself was given.
func TestAcceptInherited(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{"--quiet": "1", "--inetd": "0"} { // the connection; with --inetd it is at 0 and 1
		p := testkit.NewProject(t)
		p.Launch("systemfd", "-q", "-s", "unix::./a", "-s", "unix::./b", "--",
			"systemfd", "--accept", flag, "--info-file", "info", "--", "sh", "-c", "probe | grep -c ' socket ' >counted")
		testkit.DialAny(t, "unix", p.Addresses()[0])
		if got := strings.TrimSpace(p.AwaitFile("counted")); got != want {
			t.Errorf("%s: the command has %s sockets above 2, want %s", flag, got, want)
		}
	}
}

// TestAcceptEnds: a signal stops accepting, goes on to the children, and ends systemfd when they have ended.
func TestAcceptEnds(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for _, flag := range []string{"--quiet", "--inetd"} {
			t.Run(s.String()+" "+flag, func(t *testing.T) {
				t.Parallel()
				checkAcceptEnds(t, s, flag)
			})
		}
	}
}

func checkAcceptEnds(t *testing.T, s syscall.Signal, flag string) {
	t.Helper()
	const script = `trap 'echo once >>told; test -e gate && exit' TERM INT; echo up >>up; while :; do sleep 0.01; done`
	p := testkit.NewProject(t)
	l, address := acceptor(p, "-s", "./s", flag, "--", "sh", "-c", script)
	lines := func(file string) int {
		text, _ := os.ReadFile(p.Path(file))
		return strings.Count(string(text), "\n")
	}
	for range 2 {
		testkit.DialAny(t, "unix", address)
	}
	testkit.Await(t, "two children", func() bool { return lines("up") == 2 })
	l.Send(s)
	testkit.Await(t, "the children to be told", func() bool { return lines("told") == 2 })
	p.IsGone("s", "info")
	if n := len(testkit.Children(l.Process.Pid)); n != 2 {
		t.Errorf("%d children, want 2: it waits for them", n)
	}
	p.Write("gate", "")
	l.Send(syscall.SIGTERM) // it passes on another one, too
	if end := l.AwaitEnd(); end != s.String() {
		t.Errorf("it ends of %s, want %s", end, s)
	}
}

// TestAcceptCannotStart: connections for which nothing can start are closed, and the next one is served.
func TestAcceptCannotStart(t *testing.T) {
	t.Parallel()
	for flag, program := range map[string]string{
		"--quiet": "#!/bin/sh\ncat <&3 >&3\n",
		"--inetd": "cat\n", // without #!, which is execvp's /bin/sh
	} {
		p := testkit.NewProject(t)
		writeProgram(t, p.Path("srv"), program)
		l, address := acceptor(p, "-s", "tcp::0", flag, "--", "./srv")
		if err := os.Remove(p.Path("srv")); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if text := testkit.ReadAll(t, testkit.DialAny(t, "tcp", address)); text != "" {
				t.Errorf("nothing says %q", text)
			}
		}
		testkit.Await(t, "the errors", func() bool {
			return strings.Count(l.Read("err"), `error: cannot run "./srv": `) == 3
		})
		writeProgram(t, p.Path("srv"), program)
		checkEcho(t, testkit.DialAny(t, "tcp", address))
	}
}

// TestAcceptLeavesOthers: when systemfd ends, a path that belongs to somebody else by now stays.
func TestAcceptLeavesOthers(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(t *testing.T, path string){
		"a file": func(t *testing.T, path string) { testkit.Write(t, filepath.Dir(path), filepath.Base(path), "precious") },
		"a live socket": func(t *testing.T, path string) {
			other, err := bindOnly(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { other.Close() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkAcceptLeaves(t, replace)
		})
	}
}

func checkAcceptLeaves(t *testing.T, replace func(t *testing.T, path string)) {
	t.Helper()
	p := testkit.NewProject(t)
	l, _ := acceptor(p, "-q", "-s", "./a.sock", "-s", "./b.sock", "--", "cat")
	for _, file := range []string{"a.sock", "info"} {
		if err := os.Remove(p.Path(file)); err != nil {
			t.Fatal(err)
		}
		replace(t, p.Path(file))
	}
	before, err := os.Lstat(p.Path("a.sock"))
	if err != nil {
		t.Fatal(err)
	}
	checkEnd(t, l, syscall.SIGTERM)
	if after, err := os.Lstat(p.Path("a.sock")); err != nil || !os.SameFile(before, after) {
		t.Errorf("at the path is %v, %v", after, err)
	}
	if !testkit.Exists(p.Path("info")) {
		t.Error("the file at the path of the info file is gone")
	}
	p.IsGone("b.sock")
	os.Remove(p.Path("a.sock"))
}

// TestAcceptMany: 500 at once, each with a cat of its own; then all are reaped.
func TestAcceptMany(t *testing.T) {
	t.Parallel()
	many := testkit.Clients(500)
	p := testkit.NewProject(t)
	l, address := acceptor(p, "-q", "-s", "tcp::0", "--inetd", "--", "cat")
	clients := dialMany(t, address, many)
	if n := len(testkit.Children(l.Process.Pid)); n != many {
		t.Errorf("%d children serve %d connections", n, many)
	}
	if runtime.GOOS == "linux" { // elsewhere ps(1) has another word for threads
		if threads := procNumber(t, fmt.Sprintf("/proc/%d/status", l.Process.Pid), "Threads", 10); threads > 50 {
			t.Errorf("it has %d threads for %d children", threads, many)
		}
	}
	for _, c := range clients {
		c.Close()
	}
	testkit.AwaitChildless(t, l.Process.Pid)
	checkEnd(t, l, syscall.SIGTERM)
	if text := l.Read("err"); text != "" {
		t.Errorf("it says %q", text)
	}
}

// dialMany returns clients that connected at the same time, and each got its own line back.
func dialMany(t *testing.T, address string, number int) []net.Conn {
	t.Helper()
	clients := make([]net.Conn, number)
	var answered sync.WaitGroup
	for i := range clients {
		answered.Go(func() {
			c, err := net.DialTimeout("tcp", address, testkit.Patience)
			if err != nil {
				t.Error(err)
				return
			}
			clients[i] = c
			line := fmt.Sprintf("hello %d", i)
			if got, err := testkit.Exchange(c, line); err != nil || got != line {
				t.Errorf("%d gets %q, %v", i, got, err)
			}
		})
	}
	answered.Wait()
	if slices.Contains(clients, nil) {
		t.FailNow()
	}
	return clients
}

// TestAcceptUnit: Accept=yes of a unit is --accept. It says that it waits, -q does not.
func TestAcceptUnit(t *testing.T) {
	t.Parallel()
	if !testkit.HasSeqPacket {
		t.Skip("macOS has no unix seqpacket sockets")
	}
	for _, flags := range [][]string{{"-u", "echo.socket"}, {"-q", "-u", "echo.socket"}, {"--accept", "-u", "plain.socket"}} {
		p := testkit.NewProject(t)
		const listens = "[Socket]\nListenStream=/no/such/a\nListenSequentialPacket=/no/such/b\n"
		p.Write("echo.socket", listens+"Accept=yes\n")
		p.Write("plain.socket", listens)
		l := p.Launch(slices.Concat([]string{"systemfd"}, flags,
			[]string{"--map", "/no/such/a=./a", "--map", "/no/such/b=./b", "--inetd", "--info-file", "info", "--", "cat"})...)
		for i, network := range []string{"unix", "unixpacket"} {
			if got, err := testkit.Exchange(testkit.DialAny(t, network, p.Addresses()[i]), "hello"); err != nil || got != "hello" {
				t.Errorf("%s: %q, %v", network, got, err)
			}
		}
		want := fmt.Sprintf("~> accepting on %s (unix listener)\n~> accepting on %s (unix seqpacket listener)\n", p.Path("a"), p.Path("b"))
		if text := l.Read("err"); flags[0] == "-q" && text != "" || flags[0] != "-q" && text != want {
			t.Errorf("%q says %q, want %q", flags, text, want)
		}
	}
}
