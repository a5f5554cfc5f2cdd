//go:build unix

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// endpoint is a server that restarts whenever it has ended, once the test has let it.
type endpoint struct {
	name, network string
	own           bool // it binds by itself, without systemfd
	proxied       bool // it binds a port by itself, behind systemfd --proxy
}

var (
	passed  = []endpoint{{name: "tcp", network: "tcp"}, {name: "unix", network: "unix"}}
	proxied = []endpoint{{name: "proxied tcp", network: "tcp", proxied: true}, {name: "proxied unix", network: "unix", proxied: true}}
	unaided = []endpoint{{name: "tcp", network: "tcp", own: true}, {name: "unix", network: "unix", own: true}}
)

// run starts the server in a loop. Each round begins with gate, a command of the shell.
func (e endpoint) run(p *testkit.Project, gate string) (dial func() (net.Conn, error)) {
	p.T.Helper()
	address := p.Path("socket")
	loop := func(server string) []string {
		return []string{"sh", "-c", "while " + gate + "; do " + server + "; done"}
	}
	opening := func(spec string, flags ...string) []string {
		return append(append([]string{"systemfd", "-s", spec, "--info-file", "info"}, flags...), "--")
	}
	switch {
	case e.proxied && e.network == "tcp":
		p.Start(append(opening("0", "--proxy"), loop("probe graceful 127.0.0.1:{port}")...)...)
		address = p.Opened()
	case e.proxied:
		p.Start(append(opening(address, "--proxy"), loop("probe graceful 127.0.0.1:{port}")...)...)
		p.Opened()
	case e.own && e.network == "tcp":
		address = testkit.FreePort(p.T)
		fallthrough
	case e.own:
		p.Start(loop("probe graceful " + address)...)
	case e.network == "tcp":
		p.Start(append(opening("0"), loop("systemfd -- probe graceful")...)...)
		address = p.Opened()
	default:
		p.Start(append(opening(address), loop("systemfd -- probe graceful")...)...)
		p.Opened()
	}
	return func() (net.Conn, error) { return net.DialTimeout(e.network, address, testkit.Patience) }
}

// request sends a line of its own and returns the process that sent it back.
func request(c net.Conn, number int) (pid int, err error) {
	line := fmt.Sprint("request ", number)
	answer, err := testkit.Exchange(c, line)
	if err != nil {
		return 0, err
	}
	first, rest, _ := strings.Cut(answer, " ")
	if pid, err = strconv.Atoi(first); err != nil || rest != line {
		return 0, fmt.Errorf("%q is the answer to %q", answer, line)
	}
	return pid, nil
}

// away has a server answer and end, and keeps it from starting again until open is called.
func (e endpoint) away(t *testing.T) (dial func() (net.Conn, error), pid int, open func()) {
	t.Helper()
	p := testkit.NewProject(t)
	gate := p.Path("gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	open = func() { openGate(t, gate) }
	dial = e.run(p, "read line <gate")
	open()
	pid = testkit.Find(t, "the server to answer", func() (int, bool) {
		pid, err := requestBy(dial, 0)
		return pid, err == nil
	})
	testkit.Kill(t, pid)
	return dial, pid, open
}

// openGate lets through the one who reads from a named pipe.
func openGate(t *testing.T, gate string) {
	t.Helper()
	f, err := os.OpenFile(gate, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("go\n"); err != nil {
		t.Fatal(err)
	}
}

// requestBy is a request on a connection of its own.
func requestBy(dial func() (net.Conn, error), number int) (pid int, err error) {
	c, err := dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return request(c, number)
}

// TestClientsOfAnAbsentServer connects 300 clients while there is no server: the next one answers them all.
func TestClientsOfAnAbsentServer(t *testing.T) {
	t.Parallel()
	for _, e := range append(passed, proxied...) {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			dial, old, open := e.away(t)
			answers := make(chan answer, testkit.Clients(300))
			for i := range cap(answers) {
				c, err := dial()
				if err != nil {
					t.Fatalf("client %d: %v", i, err)
				}
				defer c.Close()
				go func() {
					pid, err := request(c, i)
					answers <- answer{pid, err}
				}()
			}
			open()
			for range cap(answers) {
				if a := <-answers; a.err != nil || a.pid == old {
					t.Errorf("answer of process %d, %v", a.pid, a.err)
				}
			}
		})
	}
}

// TestClientsAreRefusedWithoutSystemfd shows that TestClientsOfAnAbsentServer can fail.
func TestClientsAreRefusedWithoutSystemfd(t *testing.T) {
	t.Parallel()
	for _, e := range unaided {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			dial, _, _ := e.away(t)
			if c, err := dial(); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("dialed %v, %v; want connection refused", c, err)
			}
		})
	}
}

// load is what clients that never stop asking have seen.
type load struct {
	t       *testing.T
	jobs    chan int
	answers chan answer
	next    int          // request
	waiting int          // for an answer
	failed  []error      // requests
	current int          // process that answers
	dead    map[int]bool // processes
}

type answer struct {
	pid int
	err error
}

// newLoad has eight clients connect by dial, each with one request after the other.
func newLoad(t *testing.T, dial func() (net.Conn, error)) *load {
	l := &load{t: t, jobs: make(chan int), answers: make(chan answer), dead: map[int]bool{}}
	t.Cleanup(func() { close(l.jobs) })
	for range 8 {
		go func() {
			for number := range l.jobs {
				pid, err := requestBy(dial, number)
				if err != nil {
					time.Sleep(time.Millisecond) // not to ask too often while nobody is there
				}
				l.answers <- answer{pid, err}
			}
		}()
	}
	return l
}

// until makes requests and takes answers until done.
func (l *load) until(what string, done func() bool) {
	l.t.Helper()
	for deadline := time.After(testkit.Patience); !done(); {
		select {
		case l.jobs <- l.next:
			l.next++
			l.waiting++
		case a := <-l.answers:
			l.take(a)
		case <-deadline:
			l.t.Fatalf("waited %v in vain for %s, with %d requests under way", testkit.Patience, what, l.waiting)
		}
	}
}

func (l *load) take(a answer) {
	l.waiting--
	switch {
	case a.err != nil:
		l.failed = append(l.failed, a.err)
	case !l.dead[a.pid]:
		l.current = a.pid
	}
}

// restart ends the server while it answers, and asks on until the next one does.
func (l *load) restart() {
	l.t.Helper()
	old, enough := l.current, l.next+20
	l.until("20 requests", func() bool { return l.next >= enough })
	sendTo(l.t, old, syscall.SIGTERM)
	l.dead[old] = true
	l.until("the next server", func() bool { return l.current != old })
}

// drain takes the answers that are under way.
func (l *load) drain() {
	l.t.Helper()
	for deadline := time.After(testkit.Patience); l.waiting > 0; {
		select {
		case a := <-l.answers:
			l.take(a)
		case <-deadline:
			l.t.Fatalf("%d requests have no answer", l.waiting)
		}
	}
}

// TestRestartUnderLoad restarts a server 50 times while clients ask: each request is answered.
func TestRestartUnderLoad(t *testing.T) {
	t.Parallel()
	for _, e := range passed {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			l := newLoad(t, e.run(testkit.NewProject(t), ":"))
			l.until("the server", func() bool { return l.current != 0 })
			for range 50 {
				l.restart()
			}
			l.drain()
			t.Logf("%d requests, %d servers", l.next, len(l.dead)+1)
			if len(l.dead) != 50 || len(l.failed) > 0 {
				t.Errorf("%d restarts, %d of %d requests failed: %v", len(l.dead), len(l.failed), l.next, errors.Join(l.failed...))
			}
		})
	}
}

// TestProxiedRestartUnderLoad restarts a server that binds a port by itself 20 times. Nobody is refused, and the only lost requests are
// those that the server had taken, and reset when it ended.
func TestProxiedRestartUnderLoad(t *testing.T) {
	t.Parallel()
	for _, e := range proxied {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			l := newLoad(t, e.run(testkit.NewProject(t), ":"))
			l.until("the server", func() bool { return l.current != 0 })
			for range 20 {
				l.restart()
			}
			l.drain()
			t.Logf("%d requests, %d servers, %d lost", l.next, len(l.dead)+1, len(l.failed))
			checkLost(t, l.failed)
			if len(l.dead) != 20 || len(l.failed) > 20*8 {
				t.Errorf("%d restarts, %d of %d requests failed: %v", len(l.dead), len(l.failed), l.next, errors.Join(l.failed...))
			}
		})
	}
}

// TestRestartWithoutSystemfd shows that TestRestartUnderLoad can fail: a server that binds by itself loses connections.
func TestRestartWithoutSystemfd(t *testing.T) {
	t.Parallel()
	for _, e := range unaided {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			l := newLoad(t, e.run(testkit.NewProject(t), ":"))
			l.until("the server", func() bool { return l.current != 0 })
			l.failed = nil
			for range 50 {
				if l.restart(); len(l.failed) > 0 {
					break
				}
			}
			l.drain()
			lost := errors.Join(l.failed...) // what waited in its queue is reset, what comes after is refused
			if !errors.Is(lost, syscall.ECONNREFUSED) && !errors.Is(lost, syscall.ECONNRESET) {
				t.Errorf("%d restarts, and no connection refused or reset: %v", len(l.dead), lost)
			}
		})
	}
}
