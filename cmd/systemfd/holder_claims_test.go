//go:build unix

package main

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file has claims at the same time as other claims, the end of an owner, or systemfd stop.

// keepAtOnce has each owner claim sockets, all at the same moment, and returns the environments of their shells.
func keepAtOnce(p *testkit.Project, owners []int, args ...string) (environs [][]string) {
	p.T.Helper()
	environs = make([][]string, len(owners))
	var terminals sync.WaitGroup
	for i, owner := range owners {
		terminals.Go(func() {
			environ, got := p.Keep(owner, args...)
			checkQuiet(p.T, fmt.Sprint("terminal ", i), got)
			environs[i] = environ
		})
	}
	terminals.Wait()
	if p.T.Failed() {
		p.T.FailNow()
	}
	return environs
}

// checkHolderIs looks whether each environment names this holder.
func checkHolderIs(t *testing.T, holder int, environs ...[]string) {
	t.Helper()
	for i, environ := range environs {
		if pid := testkit.Variable(t, environ, "LISTEN_PID"); pid != strconv.Itoa(holder) {
			t.Errorf("terminal %d was told of holder %s, the holder is %d", i, pid, holder)
		}
	}
}

// TestTwoTerminalsStart has two shells ask for the same socket at the same moment.
func TestTwoTerminalsStart(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	one, _ := testkit.Owner(t)
	two, _ := testkit.Owner(t)
	address := testkit.FreePort(t)
	for range 50 {
		environs := keepAtOnce(p, []int{one, two}, "-s", address)
		checkHolderIs(t, p.Holder(), environs...)
		for _, environ := range environs {
			checkPassed(p, environ, listens(3, address))
		}
		if held := p.Held(); len(held) != 1 || len(held[0].Owners) != 2 {
			t.Errorf("held is %+v", held)
		}
		checkCloses(t, p.Run("stop"))
		if left := testkit.LeftIn(filepath.Join(p.Runtime, "systemfd")); len(left) > 0 {
			t.Errorf("stop leaves %v", left)
		}
		if checkFree(t, address); t.Failed() {
			return
		}
		p.AwaitNothing()
	}
}

// TestSteadyManyStart has 50 clients find no holder at the same moment: they end up with one.
func TestSteadyManyStart(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	address := testkit.FreePort(t)
	const clients = 50
	var owners []int
	var ends []func()
	for range clients {
		owner, end := testkit.Owner(t)
		owners, ends = append(owners, owner), append(ends, end)
	}
	environs := keepAtOnce(p, owners, "-s", address, "-s", "unix::./a.sock")
	checkHolderIs(t, p.Holder(), environs...)
	if held := p.Held(); len(held) != 2 || len(held[0].Owners) != clients || len(held[1].Owners) != clients {
		t.Errorf("held is %+v", held)
	}
	for _, end := range ends {
		end()
	}
	p.AwaitNothing()
	checkFree(t, address)
}

// TestSteadyTwoClaim has two clients claim the same new sockets. In every second round there is no holder yet.
func TestSteadyTwoClaim(t *testing.T) {
	t.Parallel()
	needNames(t)
	p := testkit.NewProject(t)
	one, endOne := testkit.Owner(t)
	two, endTwo := testkit.Owner(t)
	for round := range 50 {
		address, path := testkit.FreePort(t), p.Path(fmt.Sprintf("%d.sock", round))
		if checkTwoClaim(p, [2]int{one, two}, address, path); t.Failed() {
			t.Fatalf("that was round %d", round)
		}
		if round%2 == 1 {
			p.Run("stop")
			p.AwaitNothing()
		}
	}
	endOne()
	endTwo()
	p.AwaitNothing()
}

// opensBoth is what a client says that opens a port and a path.
var opensBoth = regexp.MustCompile(`\A(~> socket \S+ \(\w+ listener\) -> kept open for cat \(pid \d+\)\n){2}\z`)

// checkTwoClaim has two owners claim sockets at the same moment, each in another order.
func checkTwoClaim(p *testkit.Project, owners [2]int, address, path string) {
	p.T.Helper()
	specs := [2][]string{{"-s", address, "-s", path}, {"-s", path, "-s", address}}
	var said [2]string
	var terminals sync.WaitGroup
	for i, owner := range owners {
		terminals.Go(func() {
			got := p.Run(append([]string{"env", "--owner", strconv.Itoa(owner)}, specs[i]...)...)
			if said[i] = got.Err; got.Status != 0 {
				p.T.Errorf("status %d, %s", got.Status, got.Err)
			}
		})
	}
	terminals.Wait()
	if said[0] != "" && said[1] != "" || !opensBoth.MatchString(said[0]+said[1]) {
		p.T.Errorf("the clients say %q; one of them opens both sockets", said)
	}
	if held := p.Held(); len(held) != 2 || len(held[0].Owners) != 2 || len(held[1].Owners) != 2 {
		p.T.Errorf("held is %+v", held)
	}
}

// TestClaimMeetsEnd makes a claim while the only owner ends: that holder takes it, or a new one.
func TestClaimMeetsEnd(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	specs := []string{"-s", testkit.FreePort(t), "-s", p.Path("a.sock")}
	for i := range 30 {
		first, kill := testkit.Owner(t)
		second, end := testkit.Owner(t)
		p.MustKeep(first, specs...)
		var dying sync.WaitGroup
		dying.Go(func() {
			for range i * 40 { // a little later each time
				runtime.Gosched()
			}
			kill()
		})
		environ := p.MustKeep(second, specs...)
		dying.Wait()
		awaitOwner(p, second, environ)
		testkit.DialAny(t, "unix", p.Path("a.sock")).Close()
		end()
		p.AwaitNothing()
	}
}

// awaitOwner waits until one holder has two sockets for one owner, whose commands get them.
func awaitOwner(p *testkit.Project, owner int, environ []string) {
	p.T.Helper()
	p.AwaitHolders(1)
	if checkPassed(p, environ); p.T.Failed() {
		p.T.FailNow()
	}
	testkit.Await(p.T, "one owner", func() bool {
		held := p.Held()
		return len(held) == 2 && len(held[0].Owners) == 1 && held[0].Owners[0].PID == owner
	})
}

// TestClaimMeetsStop makes a claim during systemfd stop: neither waits for the other, neither fails.
func TestClaimMeetsStop(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	address := testkit.FreePort(t)
	owner, _ := testkit.Owner(t)
	for range 20 {
		p.MustKeep(owner, "-s", address)
		start := time.Now()
		var both sync.WaitGroup
		both.Go(func() {
			_, got := p.Keep(owner, "-s", address)
			checkQuiet(t, "env", got)
		})
		both.Go(func() { checkCloses(t, p.Run("stop")) })
		both.Wait()
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		if t.Failed() {
			return
		}
		p.Run("stop") // what the claim has started after the first stop
		p.AwaitNothing()
	}
}

// TestChangedClaim: a client waits in the queue of a socket while the other sockets of the claim change.
func TestChangedClaim(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	p.MustKeep(owner, "-s", "a=127.0.0.1:0", "-s", "b=unix::./b.sock")
	address := p.Held()[0].Address
	client := testkit.DialAny(t, "tcp", address)
	p.MustKeep(owner, "-s", "c=unix::./c.sock", "-s", "a="+address)
	p.MustKeep(owner, "-s", "http::"+address)
	_, got := p.Keep(owner, "-s", "http::"+address, "-s", "/nowhere/at/all")
	if got.Status != 1 || !strings.HasPrefix(got.Err, `error: directory "/nowhere/at" does not exist`) {
		t.Errorf("status %d, %s", got.Status, got.Err)
	}
	p.IsGone("b.sock", "c.sock") // they are not claimed any more
	p.Env = p.MustKeep(owner, "-s", "d="+address, "-s", "e=0")
	if held := p.Held(); len(held) != 2 || held[0].Name != "d" || held[0].Address != address {
		t.Errorf("held is %+v", held)
	}
	checkWaited(p, client)
	end()
	p.AwaitNothing()
}

// checkWaited has a server take the sockets for a moment: it answers a client who has waited.
func checkWaited(p *testkit.Project, client net.Conn) {
	p.T.Helper()
	server := p.Launch("systemfd", "--", "probe", "serve")
	answer, err := testkit.Exchange(client, "hello")
	server.Send(syscall.SIGKILL)
	server.AwaitEnd()
	if err != nil || answer != fmt.Sprint(server.Process.Pid, " hello") {
		p.T.Errorf("who waited all the time is answered %q, %v", answer, err)
	}
}

func TestOneOfTwoOwnersEnds(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	one, endOne := testkit.Owner(t)
	two, endTwo := testkit.Owner(t)
	address := testkit.FreePort(t)
	p.MustKeep(one, "-s", address, "-s", "unix::./a.sock")
	environ := p.MustKeep(two, "-s", address)
	endOne()
	testkit.Await(t, "what one owner wanted to be gone", func() bool { return len(p.Held()) == 1 })
	p.IsGone("a.sock")
	checkPassed(p, environ, listens(3, address))
	endTwo()
	p.AwaitNothing()
	checkFree(t, address)
}
