//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// proxying starts a command behind systemfd --proxy with an HTTP port, and returns that.
func proxying(p *testkit.Project, flags []string, command ...string) (r *testkit.Running, address string) {
	p.T.Helper()
	argv := append([]string{"systemfd", "-s", "http::0", "--proxy", "--info-file", "info"}, flags...)
	r = p.Launch(append(append(argv, "--"), command...)...)
	return r, p.Opened()
}

// webServers know only a port number.
var webServers = []struct {
	name    string
	tool    string
	command []string
}{
	{"python", "python3", []string{"python3", "-m", "http.server", "--bind", "127.0.0.1", "{port}"}},
	{"python on ::1", "python3", []string{"python3", "-m", "http.server", "--bind", "::1", "{port}"}},
	{"php", "php", []string{"php", "-S", "localhost:{port}"}},
	{"node", "node", []string{"node", "-e", `require("http").createServer((q, r) => r.end("a page")).listen(process.env.PORT)`}},
}

// TestProxyWebServers: servers that cannot take a socket are reached at ours, even before they listen.
func TestProxyWebServers(t *testing.T) {
	t.Parallel()
	for _, s := range webServers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			testkit.Need(t, s.tool)
			if s.name == "python on ::1" && !hasIPv6() {
				testkit.Lacks(t, "IPv6")
			}
			p := testkit.NewProject(t)
			p.Write("index.html", "a page")
			_, address := proxying(p, nil, s.command...)
			response, err := http.Get("http://" + address + "/")
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if body, err := io.ReadAll(response.Body); err != nil || string(body) != "a page" {
				t.Errorf("%q, %v", body, err)
			}
		})
	}
}

func hasIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err == nil {
		l.Close()
	}
	return err == nil
}

// TestProxyWaits connects 500 clients before the server starts: it answers them all.
func TestProxyWaits(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	if err := syscall.Mkfifo(p.Path("gate"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, address := proxying(p, nil, "sh", "-c", "read line <gate; exec probe graceful 127.0.0.1:{port}")
	answers := make(chan error, testkit.Clients(500))
	for i := range cap(answers) {
		c := testkit.DialAny(t, "tcp", address)
		go func() {
			_, err := request(c, i)
			answers <- err
		}()
	}
	openGate(t, p.Path("gate"))
	for range cap(answers) {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
}

// TestProxyOfFailure: a server that fails at once resets nobody: the next run on the held socket answers those who wait.
func TestProxyOfFailure(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	p.KeepHere("-s", "http::0")
	address := p.Held()[0].Address
	answers := make(chan error, 3)
	for i := range cap(answers) {
		c := testkit.DialAny(t, "tcp", address)
		go func() {
			_, err := request(c, i)
			answers <- err
		}()
	}
	testkit.Await(t, "the clients to wait", func() bool { return isWaitedFor(p, 3) })
	if got := p.Run("-q", "--proxy", "--", "sh", "-c", "exit 3", "{port}"); got.Status != 3 || got.Err != "" {
		t.Fatalf("status %d, %s", got.Status, got.Err)
	}
	if !isWaitedFor(p, 3) {
		t.Errorf("%d clients wait after the failure", waiting(p.Held()[0]))
	}
	p.Start("systemfd", "-q", "--proxy", "--", "probe", "graceful", "127.0.0.1:{port}")
	for range cap(answers) {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
}

// isWaitedFor reports whether so many connections wait for the first socket, if the system tells.
func isWaitedFor(p *testkit.Project, number int) bool {
	p.T.Helper()
	n := waiting(p.Held()[0])
	return n == number || n == -1 && runtime.GOOS != "linux"
}

// TestProxyHalfClose: a client that has said everything hears the answer, through a unix socket, too.
func TestProxyHalfClose(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "python3")
	p := testkit.NewProject(t)
	p.Write("half.py", `import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    text = connection.makefile().read()
    connection.sendall(text.upper().encode())
    connection.close()
`)
	r, address := proxying(p, []string{"-s", "./app.sock"}, "sh", "-c", `python3 half.py "$0" & exec python3 half.py "$1"`, "{port:http}", "{port:unix}")
	for network, address := range map[string]string{"tcp": address, "unix": p.Path("app.sock")} {
		c := testkit.DialAny(t, network, address)
		if _, err := io.WriteString(c, strings.Repeat("all of it ", 100000)); err != nil {
			t.Fatal(err)
		}
		c.(interface{ CloseWrite() error }).CloseWrite()
		if got := testkit.ReadAll(t, c); got != strings.Repeat("ALL OF IT ", 100000) {
			t.Errorf("%s: %d bytes come back", network, len(got))
		}
	}
	checkEndOf(t, r, syscall.SIGTERM, "terminated")
	p.IsGone("app.sock")
}

// TestProxySignals: a signal that ends us ends the server, and we end in the same way. The second signal kills the server.
func TestProxySignals(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		"exec sleep 1000": "terminated",
		`trap "exit 5" TERM; : >ready; while :; do sleep 1; done`: "5",
	} {
		p := testkit.NewProject(t)
		r, _ := proxying(p, nil, "sh", "-c", script)
		if strings.Contains(script, "ready") {
			testkit.Await(t, "the trap", func() bool { return testkit.Exists(p.Path("ready")) })
		}
		checkEndOf(t, r, syscall.SIGTERM, want)
	}
	p := testkit.NewProject(t)
	r, address := proxying(p, nil, "sh", "-c", `trap "" TERM; trap "echo >>ready" HUP; : >ready; while :; do sleep 1; done`)
	testkit.Await(t, "the trap", func() bool { return testkit.Exists(p.Path("ready")) })
	r.Send(syscall.SIGHUP)
	testkit.Await(t, "the signal to be passed on", func() bool { return p.Read("ready") != "" })
	checkEndOf(t, r, syscall.SIGTERM, "terminated")
	if !testkit.IsFree(address) {
		t.Errorf("%s is not free", address)
	}
}

// checkEndOf sends a signal, and checks what the command ends of.
func checkEndOf(t *testing.T, r *testkit.Running, s syscall.Signal, want string) {
	t.Helper()
	r.Send(s)
	if end := r.AwaitEnd(); end != want {
		t.Errorf("%q ends of %s, want %s", r.Args, end, want)
	}
}

// TestProxyIsKilled: the server does not outlive us.
func TestProxyIsKilled(t *testing.T) {
	t.Parallel()
	testkit.LinuxOnly(t, "a signal for the children of a process that is killed, PR_SET_PDEATHSIG")
	p := testkit.NewProject(t)
	r, _ := proxying(p, nil, "sh", "-c", "echo $$ >server; exec sleep 1000")
	var pid int
	if _, err := fmt.Sscan(p.AwaitFile("server"), &pid); err != nil {
		t.Fatal(err)
	}
	r.Send(syscall.SIGKILL)
	testkit.Dies(t, pid)
}

// ctrlC counts the signals of a terminal until a file "gate" is there.
const ctrlC = `trap "echo INT >>ints" INT; : >ready; until test -e gate; do sleep 0.01; done; exit 3`

// TestCtrlCOnce: one Ctrl-C is one SIGINT for a child, which the terminal sends, and one Ctrl-\ one SIGQUIT.
func TestCtrlCOnce(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"--proxy", "--accept"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			tty := p.Terminal("bash", "--norc", "--noprofile")
			tty.Types("systemfd -s 0 " + form + " --info-file info -- sh -c '" + ctrlC + "'")
			address := p.Opened()
			testkit.DialAny(t, "tcp", address)
			testkit.Await(t, "the child", func() bool { return testkit.Exists(p.Path("ready")) })
			tty.Press("\x03")
			testkit.Await(t, "SIGINT", func() bool { return testkit.Exists(p.Path("ints")) })
			p.Write("gate", "")
			tty.Types("echo $? >status")
			if status := p.AwaitFile("status"); form == "--proxy" && status != "3\n" {
				t.Errorf("it ends with %q", status)
			}
			if ints := p.Read("ints"); ints != "INT\n" {
				t.Errorf("the signals are %q", ints)
			}
		})
	}
}

// TestProxyOfInherited: a server behind --proxy gets no descriptors, not even those that systemfd has inherited.
func TestProxyOfInherited(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	got := p.Run("-q", "-s", "http::0", "-s", "./a.sock", "--", "systemfd", "-q", "--proxy", "--", "probe", "{port}", "{port:unix}")
	if got.Status != 0 || got.Err != "" {
		t.Fatalf("status %d, %s", got.Status, got.Err)
	}
	testkit.Says(t, got.Out, "env SYSTEMFD_HOLDER=", `env SYSTEMFD_SOCKETS=http=http::127\.0\.0\.1:\d+,unix=unix::.*/a\.sock.*`, `args \d+\|\d+`)
	testkit.SaysNot(t, got.Out, `fd \d+ socket .*`, "env LISTEN_.*")
	os.Remove(p.Path("a.sock")) // nobody removes it: the outer systemfd has become the inner one
}

// TestProxyTellsOfSilence: a client that waits in vain is reported.
func TestProxyTellsOfSilence(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	r, address := proxying(p, nil, "sleep", "1000")
	testkit.DialAny(t, "tcp", address)
	warning := regexp.MustCompile(`(?m)^warning: a client of http://` + regexp.QuoteMeta(address) + `/ waits, but nothing listens on port \d+ yet$`)
	testkit.Await(t, "the warning", func() bool { return warning.MatchString(r.Read("err")) })
}

// TestProxyReset: a client that resets its connection does not end the others'.
func TestProxyReset(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	_, address := proxying(p, nil, "probe", "graceful", "127.0.0.1:{port}")
	for range 20 {
		c := testkit.DialAny(t, "tcp", address).(*net.TCPConn)
		c.SetLinger(0)
		c.Close()
	}
	if _, err := testkit.GetLine(address); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	if _, err := request(testkit.DialAny(t, "tcp", address), 1); err != nil {
		t.Error(err)
	}
}

// TestProxyNodemon has nodemon restart a server 20 times behind --proxy, while clients ask: nobody is refused.
func TestProxyNodemon(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "nodemon")
	p := testkit.NewProject(t)
	p.Write("watched", "")
	_, address := proxying(p, nil, "nodemon", "--watch", "watched", "--signal", "SIGTERM", "--delay", "10ms", "--exec", "exec probe graceful 127.0.0.1:{port}") // nodemon waits for its shell
	l := newLoad(t, func() (net.Conn, error) { return net.DialTimeout("tcp", address, testkit.Patience) })
	l.until("the server", func() bool { return l.current != 0 })
	for range 20 {
		old, written := l.current, time.Time{}
		l.dead[old] = true
		l.until("the next server", func() bool {
			if time.Since(written) > time.Second {
				written = time.Now()
				p.Write("watched", written.String())
			}
			return l.current != old
		})
	}
	l.drain()
	t.Logf("%d requests, %d servers, %d lost", l.next, len(l.dead)+1, len(l.failed))
	checkLost(t, l.failed)
}

// checkLost fails the test if a client was refused, or waited in vain. Those that a server has taken, and not served before it
// ended, are reset.
func checkLost(t *testing.T, failed []error) {
	t.Helper()
	for _, err := range failed {
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a request failed: %v", err)
		}
	}
}

// TestProxyShortOfDescriptors: an accepted client has a descriptor on both sides, and all others wait.
func TestProxyShortOfDescriptors(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "prlimit")
	for limit := 60; limit < 64; limit++ {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			r := p.Launch("prlimit", fmt.Sprintf("--nofile=%d:%d", limit, limit), "systemfd", "-s", "0", "--proxy", "--info-file", "info", "--", "sleep", "1000")
			address := p.Opened()
			private := regexp.MustCompile(`"port":(\d+)`).FindStringSubmatch(p.Read("info"))
			server, err := net.Listen("tcp", "127.0.0.1:"+private[1])
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			go acceptAll(server)
			var clients []net.Conn
			for range 60 {
				c := testkit.DialAny(t, "tcp", address)
				io.WriteString(c, "x")
				clients = append(clients, c)
			}
			testkit.Await(t, "a shortage", func() bool { return strings.Contains(r.Read("err"), "too many open files; trying again") })
			for i, c := range clients {
				c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
				if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("client %d: %v", i, err)
				}
			}
		})
	}
}

// acceptAll keeps all connections, and says nothing.
func acceptAll(l net.Listener) {
	var kept []net.Conn // what nobody refers to is closed
	for {
		c, err := l.Accept()
		if err != nil {
			break
		}
		kept = append(kept, c)
	}
	for _, c := range kept {
		c.Close()
	}
}
