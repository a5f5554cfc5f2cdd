//go:build unix

package main

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file kills holders, owners and clients at random moments.

// dialer connects to an address all the time, and counts the connections and refusals while somebody has to listen.
type dialer struct {
	address         string
	period          atomic.Int64 // odd while somebody has to listen
	taken, refusals atomic.Int64 // in such periods
}

// dialAlways starts a dialer, which ends with the test. Nobody has to listen yet.
func dialAlways(t *testing.T, address string) *dialer {
	t.Helper()
	d, ended := &dialer{address: address}, make(chan struct{})
	go func() {
		defer close(ended)
		for ; t.Context().Err() == nil; time.Sleep(3 * time.Millisecond) { // nobody accepts: do not fill the backlog
			d.dial()
		}
	}()
	t.Cleanup(func() { <-ended })
	return d
}

func (d *dialer) dial() {
	period := d.period.Load()
	c, err := net.DialTimeout("tcp", d.address, time.Second)
	if err == nil {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	switch {
	case period%2 == 0 || d.period.Load() != period: // it did not have to listen all the time
	case err == nil:
		d.taken.Add(1)
	case errors.Is(err, syscall.ECONNREFUSED):
		d.refusals.Add(1)
	}
}

// mustListen begins a period in which a refusal is a fault.
func (d *dialer) mustListen() {
	if d.period.Load()%2 == 0 {
		d.period.Add(1)
	}
}

// mayRefuse ends such a period.
func (d *dialer) mayRefuse() {
	if d.period.Load()%2 == 1 {
		d.period.Add(1)
	}
}

// check fails the test if connections were refused, or if none was made.
func (d *dialer) check(t *testing.T) {
	t.Helper()
	if taken, refusals := d.taken.Load(), d.refusals.Load(); taken == 0 || refusals > 0 {
		t.Errorf("%s has refused %d connections and taken %d while it was kept open", d.address, refusals, taken)
	}
}

// killing is a project in which processes are killed, and the sockets that its clients want.
type killing struct {
	*testkit.Project
	address, path string
	port          *dialer
}

// victims are killed in turn. The new victims exist before any socket is kept.
var victims = []string{"client", "owner", "holder", "new client", "new holder"}

// TestSteadyKilled kills 300 times. Another client has the sockets each time, and nothing is left of any.
func TestSteadyKilled(t *testing.T) {
	t.Parallel()
	for i := range 6 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			k := killing{p, testkit.FreePort(t), p.Path("a.sock"), nil}
			k.port = dialAlways(t, k.address)
			for round := range 50 {
				victim := victims[round%len(victims)]
				if k.round(victim); t.Failed() {
					t.Fatalf("that was round %d, which kills the %s", round, victim)
				}
			}
			k.port.check(t)
		})
	}
}

// round has two owners claim the same sockets, and kills a victim during the second claim.
func (k *killing) round(victim string) {
	k.T.Helper()
	one, endOne := testkit.Owner(k.T)
	two, endTwo := testkit.Owner(k.T)
	holder := 0
	if !strings.HasPrefix(victim, "new ") {
		k.MustKeep(one, "-s", k.address, "-s", k.path)
		k.port.mustListen()
		holder = k.Holder()
	}
	var environ []string
	var got testkit.Outcome
	var claim sync.WaitGroup
	claim.Go(func() { environ, got = k.Keep(two, "-s", k.address, "-s", k.path) })
	k.kill(victim, one, endOne, holder)
	claim.Wait()
	if checkQuiet(k.T, "the second claim", got); k.T.Failed() {
		return
	}
	k.use(environ, !strings.HasSuffix(victim, "holder"))
	endOne()
	endTwo()
	k.sweep(victim != "owner")
}

// kill kills a victim at some moment: a further client of the owner, the owner, or a holder.
func (k *killing) kill(victim string, owner int, endOwner func(), holder int) {
	k.T.Helper()
	moment := rand.N(15 * time.Millisecond)
	switch victim {
	case "client", "new client":
		killed(k.Project, moment, "systemfd", "env", "-q", "-s", k.path, "-s", k.address, "--owner", strconv.Itoa(owner))
	case "owner":
		k.port.mayRefuse()
		time.Sleep(moment)
		endOwner()
	case "holder":
		k.port.mayRefuse()
		time.Sleep(moment)
		syscall.Kill(holder, syscall.SIGKILL)
	case "new holder":
		k.killNewHolder(moment)
	}
}

// use has two commands fetch the sockets at once. They are kept all the time, or a killed holder has to be started again.
func (k *killing) use(environ []string, isKept bool) {
	k.T.Helper()
	if isKept {
		k.port.mustListen()
		defer k.port.mayRefuse()
	}
	testkit.Await(k.T, "one holder", func() bool {
		holders := len(k.Holders())
		return holders == 1 || holders == 0 && !isKept
	})
	var commands sync.WaitGroup
	for range 2 {
		commands.Go(func() {
			if got := k.With(environ, "-q", "--", "true"); got.Status != 0 || got.Err != "" && isKept {
				k.T.Errorf("a command after it: status %d, %s", got.Status, got.Err)
			}
		})
	}
	commands.Wait()
}

// killed starts a command and kills it at a moment of its life.
func killed(p *testkit.Project, moment time.Duration, argv ...string) {
	p.T.Helper()
	cmd := p.Command(argv...)
	if err := cmd.Start(); err != nil {
		p.T.Fatal(err)
	}
	time.Sleep(moment)
	cmd.Process.Kill()
	cmd.Wait()
}

// freeze stops a process, until thaw.
func freeze(t *testing.T, pid int) (thaw func()) {
	t.Helper()
	syscall.Kill(pid, syscall.SIGSTOP)
	testkit.Await(t, "every thread to stop", func() bool {
		return testkit.IsStopped(pid)
	})
	return func() { syscall.Kill(pid, syscall.SIGCONT) }
}

// killNewHolder kills a holder that a client has just started. The first of its two starts is not touched: the client
// waits for that.
func (k *killing) killNewHolder(moment time.Duration) {
	k.T.Helper()
	pid := testkit.Find(k.T, "a holder", func() (int, bool) {
		for _, pid := range k.Holders() {
			if strings.Contains(testkit.Arguments(pid)+" ", " --detached ") {
				return pid, true
			}
		}
		return 0, false
	})
	time.Sleep(moment)
	syscall.Kill(pid, syscall.SIGKILL)
}

// checkNothingHeld looks whether systemfd status finds nothing, and complains of nothing.
func checkNothingHeld(p *testkit.Project) {
	p.T.Helper()
	if got := p.Run("status"); got.Status != 0 || got.Err != "" || got.Out != "nothing is kept open\n" {
		p.T.Errorf("status: status %d, %s%s", got.Status, got.Out, got.Err)
	}
}

// sweep finds nothing after all owners are gone, except perhaps a dead path, which can be opened again: the process that would have
// removed it was killed.
func (k *killing) sweep(mayLeavePath bool) {
	k.T.Helper()
	testkit.Await(k.T, "the holders to end", func() bool {
		breakOff(k.Project)
		return len(k.Holders()) == 0
	})
	checkNothingHeld(k.Project)
	if left := testkit.LeftIn(filepath.Join(k.Runtime, "systemfd")); len(left) > 0 {
		k.T.Errorf("status leaves %q", left)
	}
	checkFree(k.T, k.address)
	if !testkit.Exists(k.path) {
		return
	}
	if !mayLeavePath {
		k.T.Error("the path is left")
	}
	checkQuiet(k.T, "opening the path again", k.Run("-q", "-s", k.path, "--", "true"))
	os.Remove(k.path)
}

// breakOff begins a claim with every holder and hangs up. A holder without a claim, because its client was killed, then ends at once and
// not after ten seconds. A holder with a claim stays.
func breakOff(p *testkit.Project) {
	controls, _ := filepath.Glob(filepath.Join(p.Runtime, "systemfd", "*.sock"))
	for _, control := range controls {
		if c, err := net.DialTimeout("unix", control, time.Second); err == nil {
			io.WriteString(c, ask(`"Op":"claim","Owner":1,"Openings":["tcp::127.0.0.1:0"]`))
			c.Close()
		}
	}
}

// TestSteadyHoldIsKilled kills commands under --hold, or systemfd before it has become one. One status sweeps the rest.
func TestSteadyHoldIsKilled(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	for round := range 100 {
		within := 10 * time.Millisecond
		if round%2 == 1 {
			within *= 4 // if others keep the processors busy
		}
		killed(p, rand.N(within), "systemfd", "--hold", "-q", "-s", "127.0.0.1:0", "--", "sleep", "600")
	}
	testkit.Await(t, "the holders to end by themselves", func() bool { return len(p.Holders()) == 0 })
	checkNothingHeld(p)
	if left := contents(t, p.Runtime); len(left) != 2 { // itself, and the control directory
		t.Errorf("status leaves %q", left)
	}
	if pids := testkit.KillIn(p.Dir); pids > 0 {
		t.Errorf("%d commands are left", pids)
	}
}

// TestSteadyServerOwns ends the owner of a path while a server, started by another process, serves it.
func TestSteadyServerOwns(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"the variables", "the directory"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			owner, end := testkit.Owner(t)
			environ := p.MustKeep(owner, "-s", "./app.sock")
			if by == "the variables" {
				p.Env = environ
			}
			detached(p, "systemfd", "--", "probe", "serve")
			testkit.Await(t, "the server to have the socket", func() bool { return len(p.Held()[0].Users) == 1 })
			syscall.Kill(checkServerOwns(p, end), syscall.SIGTERM)
			p.AwaitNothing()
		})
	}
}

// checkServerOwns ends the owner of a path: the server has the path all the same. It returns the server.
func checkServerOwns(p *testkit.Project, endOwner func()) (server int) {
	p.T.Helper()
	path := p.Path("app.sock")
	before, err := os.Lstat(path)
	if err != nil {
		p.T.Fatal(err)
	}
	endOwner()
	held := testkit.Find(p.T, "the owner to be forgotten", func() (testkit.Held, bool) {
		held := p.Held()
		return held[0], len(held[0].Owners) == 0
	})
	if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
		p.T.Fatalf("the path is %v, %v", after, err)
	}
	answer, err := testkit.Exchange(testkit.DialAny(p.T, "unix", path), "hello")
	pid, _, _ := strings.Cut(answer, " ")
	if err != nil || len(held.Users) != 1 || pid != strconv.Itoa(held.Users[0].PID) {
		p.T.Fatalf("the server answers %q, %v; status names %v", answer, err, held.Users)
	}
	return held.Users[0].PID
}
