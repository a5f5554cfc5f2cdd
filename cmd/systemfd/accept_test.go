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
	"sync"
	"syscall"
	"testing"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// TestAccept: each connection has a command of its own, which finds what systemd gives one of Accept=yes.
func TestAccept(t *testing.T) {
	t.Parallel()
	const script = `{ env; echo "pid $$"; ls -l /proc/$$/fd; } >&3; probe options >&3`
	p := testkit.NewProject(t)
	l := p.Launch("env", "REMOTE_ADDR=evil", "REMOTE_PORT=1", "LISTEN_PIDFDID=1", "SYSTEMFD_HOLDER=/no", "systemfd", "-s", "http::0", "-s", "[::1]:0", "-s", ":0", "-s", "unix::./s", "-s", "unix-seqpacket::./q",
		"--accept", "--info-file", "info", "--", "sh", "-c", script)
	found := p.Addresses()
	_, dualPort, err := net.SplitHostPort(found[2])
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ network, address, remote, domain string }{
		{"tcp", found[0], "127.0.0.1", "2"},
		{"tcp", found[1], "::1", "10"},
		{"tcp", "127.0.0.1:" + dualPort, "127.0.0.1", "10"},
		{"tcp", "[::1]:" + dualPort, "::1", "10"},
		{"unix", found[3], "", "1"},
		{"unixpacket", found[4], "", "1"},
	}
	for _, test := range tests {
		c := testkit.DialAny(t, test.network, test.address)
		var text string
		if test.network == "unixpacket" {
			buf := make([]byte, 1<<16)
			for n, err := 0, error(nil); err == nil; n, err = c.Read(buf) {
				text += string(buf[:n])
			}
		} else {
			text = testkit.ReadAll(t, c)
		}
		pid := regexp.MustCompile(`(?m)^pid (\d+)$`).FindStringSubmatch(text)
		if pid == nil {
			t.Fatalf("%s: the command prints %q", test.address, text)
		}
		testkit.Says(t, text, "LISTEN_FDS=1", "LISTEN_FDNAMES=connection", "LISTEN_PID="+pid[1], `.* 3 -> socket:.*`, "domain="+test.domain+" type=[15] .*listening=0 .*")
		testkit.Says(t, text, "SYSTEMFD_HOLDER=") // no holder is to be looked for
		testkit.SaysNot(t, text, "LISTEN_PIDFDID=.*", "SYSTEMFD_HOLDER=.+", "SYSTEMFD_SOCKETS=.*", `.* [4-9] -> socket:.*`)
		if test.remote != "" {
			_, port, _ := net.SplitHostPort(c.LocalAddr().String())
			testkit.Says(t, text, "REMOTE_ADDR="+regexp.QuoteMeta(test.remote), "REMOTE_PORT="+port, ".* keepalive=0 .* nodelay=0 .*")
			if n := strings.Count(text, "REMOTE_"); n != 2 {
				t.Errorf("%d REMOTE_ variables in %s", n, text)
			}
		} else {
			testkit.SaysNot(t, text, "REMOTE_.*")
		}
	}
	testkit.AwaitChildless(t, l.Process.Pid)
}

// TestAcceptInherited: the commands have no sockets that systemfd itself was given.
func TestAcceptInherited(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{"--quiet": "1\n", "--inetd": "2\n"} { // the connection; with --inetd it is there twice
		p := testkit.NewProject(t)
		p.Launch("systemfd", "-q", "-s", "unix::./a", "-s", "unix::./b", "--", "systemfd", "--accept", flag, "--info-file", "info", "--", "sh", "-c", "ls -l /proc/$$/fd | grep -c socket: >counted")
		testkit.DialAny(t, "unix", p.Addresses()[0])
		if got := p.AwaitFile("counted"); got != want {
			t.Errorf("%s: the command has %q sockets, want %q", flag, got, want)
		}
	}
}

// TestAcceptEnds: a signal stops accepting, goes on to the children, and ends systemfd when they have ended.
func TestAcceptEnds(t *testing.T) {
	t.Parallel()
	for s, name := range map[syscall.Signal]string{syscall.SIGTERM: "terminated", syscall.SIGINT: "interrupt"} {
		for _, inetd := range []bool{false, true} {
			t.Run(fmt.Sprint(name, inetd), func(t *testing.T) {
				t.Parallel()
				p := testkit.NewProject(t)
				argv := []string{"systemfd", "-q", "-s", "./s", "--accept", "--info-file", "info"}
				if inetd {
					argv = append(argv, "--inetd")
				}
				const script = `trap 'echo once >>told; test -e gate && exit' TERM INT; echo up >>up; while :; do sleep 0.01; done`
				l := p.Launch(append(argv, "--", "sh", "-c", script)...)
				address := p.Opened()
				first, second := testkit.DialAny(t, "unix", address), testkit.DialAny(t, "unix", address)
				lines := func(file string) int {
					text, _ := os.ReadFile(p.Path(file))
					return strings.Count(string(text), "\n")
				}
				testkit.Await(t, "two children", func() bool { return lines("up") == 2 })
				l.Send(s)
				testkit.Await(t, "the children to be told", func() bool { return lines("told") == 2 })
				p.IsGone("s", "info")
				if n := len(testkit.Children(l.Process.Pid)); n != 2 {
					t.Errorf("%d children, want 2: it waits for them", n)
				}
				p.Write("gate", "")
				l.Send(syscall.SIGTERM) // another one goes on to them too
				if end := l.AwaitEnd(); end != name {
					t.Errorf("it ends of %s, want %s", end, name)
				}
				first.Close()
				second.Close()
			})
		}
	}
}

// TestAcceptCannotStart: connections for which nothing can start are closed, and the next one is served.
func TestAcceptCannotStart(t *testing.T) {
	t.Parallel()
	for _, inetd := range []bool{false, true} {
		p := testkit.NewProject(t)
		program := "#!/bin/sh\ncat\n"
		if inetd {
			program = "cat\n" // without #!, which is execvp's /bin/sh
		} else {
			program = strings.Replace(program, "cat", "cat <&3 >&3", 1)
		}
		put := func() {
			p.Write("srv", program)
			if err := os.Chmod(p.Path("srv"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		put()
		argv := []string{"systemfd", "-q", "-s", "tcp::0", "--accept", "--info-file", "info"}
		if inetd {
			argv = append(argv, "--inetd")
		}
		l := p.Launch(append(argv, "--", "./srv")...)
		address := p.Opened()
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
		put()
		if got, err := testkit.GetLine(address); err != nil || got != "hello" {
			t.Errorf("then it says %q, %v", got, err)
		}
	}
}

// TestAcceptLeavesOthers: when systemfd ends, a path that is somebody else's by now stays.
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
			p := testkit.NewProject(t)
			l := p.Launch("systemfd", "-q", "-s", "./a.sock", "-s", "./b.sock", "--accept", "--info-file", "info", "--", "cat")
			p.Opened()
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
			l.Send(syscall.SIGTERM)
			if got := l.AwaitEnd(); got != "terminated" {
				t.Errorf("it ends with %s", got)
			}
			if after, err := os.Lstat(p.Path("a.sock")); err != nil || !os.SameFile(before, after) {
				t.Errorf("at the path is %v, %v", after, err)
			}
			if _, err := os.Lstat(p.Path("info")); err != nil {
				t.Error(err)
			}
			p.IsGone("b.sock")
			os.Remove(p.Path("a.sock"))
		})
	}
}

// TestStayAsInit: process 1 of a pid namespace has no default actions; a signal ends it all the same, as a shell says it.
func TestStayAsInit(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"--lazy", "--accept"} {
		for signal, want := range map[syscall.Signal]string{syscall.SIGTERM: "143", syscall.SIGHUP: "129", syscall.SIGINT: "130"} {
			t.Run(fmt.Sprint(form, " ", signal), func(t *testing.T) {
				t.Parallel()
				p := testkit.NewProject(t)
				argv := inPIDNamespace(t, "sh", "-c", "trap '' HUP INT TERM; exec env --default-signal=HUP,INT,TERM systemfd -q "+form+" -s ./a.sock --info-file info -- cat")
				l := p.Launch(argv...)
				p.Opened()
				pids, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", l.Process.Pid, l.Process.Pid))
				if err != nil {
					t.Fatal(err)
				}
				pid, err := strconv.Atoi(strings.TrimSpace(string(pids)))
				if err != nil {
					t.Fatal(err)
				}
				if err := syscall.Kill(pid, signal); err != nil {
					t.Fatal(err)
				}
				if got := l.AwaitEnd(); got != want {
					t.Errorf("it ends with %s, want %s", got, want)
				}
				p.IsGone("a.sock", "info")
			})
		}
	}
}

// TestAcceptMany: 500 at once, each with a cat of its own; then all are reaped.
func TestAcceptMany(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	l := p.Launch("systemfd", "-q", "-s", "tcp::0", "--accept", "--inetd", "--info-file", "info", "--", "cat")
	address := p.Opened()
	var answered, closing sync.WaitGroup
	enough := make(chan struct{})
	for i := range 500 {
		answered.Add(1)
		closing.Go(func() {
			var c net.Conn
			var err error
			want := fmt.Sprintf("hello %d", i)
			if c, err = net.DialTimeout("tcp", address, testkit.Patience); err != nil {
				t.Error(err)
				answered.Done()
				return
			}
			defer c.Close()
			if got, err := testkit.Exchange(c, want); err != nil || got != want {
				t.Errorf("%d gets %q, %v", i, got, err)
			}
			answered.Done()
			<-enough
		})
	}
	answered.Wait()
	if n := len(testkit.Children(l.Process.Pid)); n != 500 {
		t.Errorf("%d children serve 500 connections", n)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if threads, _ := strconv.Atoi(string(regexp.MustCompile(`(?m)^Threads:\s+(\d+)$`).FindSubmatch(status)[1])); threads > 50 {
		t.Errorf("it has %d threads for 500 children", threads)
	}
	close(enough)
	closing.Wait()
	testkit.AwaitChildless(t, l.Process.Pid)
	l.Send(syscall.SIGTERM)
	if end := l.AwaitEnd(); end != "terminated" {
		t.Errorf("it ends of %s", end)
	}
	if text := l.Read("err"); text != "" {
		t.Errorf("it says %q", text)
	}
}

// TestAcceptUnit: Accept=yes of a unit is --accept.
func TestAcceptUnit(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	p.Write("echo.socket", "[Socket]\nListenStream=/no/such/a\nListenSequentialPacket=/no/such/b\nAccept=yes\n")
	p.Launch("systemfd", "-q", "-u", "echo.socket", "--map", "/no/such/a=./a", "--map", "/no/such/b=./b", "--inetd", "--info-file", "info", "--", "cat")
	for i, network := range []string{"unix", "unixpacket"} {
		if got, err := testkit.Exchange(testkit.DialAny(t, network, p.Addresses()[i]), "hello"); err != nil || got != "hello" {
			t.Errorf("%s: %q, %v", network, got, err)
		}
	}
}

// TestInheritedChannel: Java takes the listener from descriptor 0, where --inetd without --accept puts it.
func TestInheritedChannel(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "java")
	if _, err := exec.LookPath("javac"); err != nil { // without it java does not run a source file
		testkit.Lacks(t, "javac")
	}
	for _, spec := range []string{"tcp::0", "unix::./s"} {
		p := testkit.NewProject(t)
		l := p.Launch("systemfd", "-q", "-s", spec, "--inetd", "--info-file", "info", "--", "java", "-XX:TieredStopAtLevel=1", source(t, "Inherited.java"))
		network, _, _ := strings.Cut(spec, "::")
		c := testkit.DialAny(t, network, p.Opened())
		got, err := testkit.Exchange(c, "hello")
		if want := fmt.Sprintf("%d java", l.Process.Pid); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", spec, got, err, want)
		}
	}
}

// TestBus starts a D-Bus daemon from the unit that Debian ships, when the first client comes, which it then answers.
func TestBus(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "dbus-daemon", "dbus-send")
	unit := shippedUnit(t, "/dbus-user-session/usr/lib/systemd/user/dbus.socket")
	for _, flags := range [][]string{nil, {"--lazy"}} {
		p := testkit.NewProject(t)
		from := "/run/bus"
		if os.Geteuid() != 0 {
			from = p.Dir + "/bus"
		}
		argv := append([]string{"systemfd", "-q", "-u", unit, "--map", from + "=./my.bus", "--info-file", "info"}, flags...)
		l := p.Launch(append(argv, "--", "dbus-daemon", "--session", "--address=systemd:", "--nofork", "--nopidfile", "--nosyslog")...)
		address := p.Opened()
		if address != p.Dir+"/my.bus" {
			t.Errorf("the bus is at %s", address)
		}
		for range 2 {
			out, err := exec.CommandContext(t.Context(), "dbus-send", "--bus=unix:path="+address, "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.ListNames").Output()
			if err != nil || !strings.Contains(string(out), `string "org.freedesktop.DBus"`) {
				t.Fatalf("dbus-send: %v, %s", err, out)
			}
		}
		if name := process.Name(l.Process.Pid); name != "dbus-daemon" {
			t.Errorf("process %d is %q", l.Process.Pid, name)
		}
	}
}
