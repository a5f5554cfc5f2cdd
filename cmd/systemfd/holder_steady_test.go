//go:build unix

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file puts holders under stress without killing anybody: a control directory that is removed, neighbours that do
// not answer. holder_killed_test.go kills.

// untilOver makes calls, which may not fail, and one more after the channel is closed. It returns their number.
func untilOver(t *testing.T, over <-chan struct{}, call func() testkit.Outcome) (calls int) {
	t.Helper()
	for isOver := false; !isOver && !t.Failed(); calls++ {
		select {
		case <-over:
			isOver = true
		default:
		}
		if got := call(); got.Status != 0 {
			t.Errorf("call %d: status %d, %s%s", calls, got.Status, got.Out, got.Err)
		}
	}
	return calls
}

// removeAgain removes the control directory again and again, as soon as the holder is back, while clients make calls. It
// returns the numbers of calls.
func removeAgain(p *testkit.Project, clients ...func() testkit.Outcome) (calls []int) {
	p.T.Helper()
	over := make(chan struct{})
	calls = make([]int, len(clients))
	var running sync.WaitGroup
	for i, call := range clients {
		running.Go(func() { calls[i] = untilOver(p.T, over, call) })
	}
	for range 8 {
		time.Sleep(200 * time.Millisecond) // in which clients find it
		os.RemoveAll(filepath.Join(p.Runtime, "systemfd"))
		testkit.Await(p.T, "the holder to be back", func() bool { return len(p.Held()) > 0 })
	}
	close(over)
	running.Wait()
	return calls
}

// TestSteadyDirectoryRemoved removes the control directory again and again while clients come and go.
func TestSteadyDirectoryRemoved(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	address := testkit.FreePort(t)
	owner, end := testkit.Owner(t)
	environ := p.MustKeep(owner, "-s", "http::"+address)
	port := dialAlways(t, address)
	port.mustListen()
	claim := func() testkit.Outcome {
		next, endNext := testkit.Owner(t)
		_, got := p.Keep(next, "-s", "http::"+address)
		if got.Status == 0 {
			end()
			end = endNext
		}
		return got
	}
	fetch := func() testkit.Outcome { return p.With(environ, "--", "probe") }
	look := func() testkit.Outcome { return p.Run("status") }
	t.Logf("claims, fetches and looks: %v", removeAgain(p, claim, fetch, look))
	testkit.Await(t, "one holder, that can be reached", func() bool {
		held, pids := p.Held(), p.Holders()
		return len(pids) == 1 && len(held) == 1 && held[0].Address == address && held[0].Holder.PID == pids[0]
	})
	port.check(t)
	port.mayRefuse()
	end()
	p.AwaitNothing()
	checkFree(t, address)
}

// TestSteadyDirectoryRemovedOnce goes on in a shell whose control directory is gone: at once, and after a status.
func TestSteadyDirectoryRemovedOnce(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "bash")
	const looks = "\nuntil systemfd status | grep -q http; do sleep 0.05; done"
	const uses = "\nsystemfd -- probe >probe"
	for name, then := range map[string]string{"status first": looks + uses, "probe first": uses + looks} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			p.Write("script", `eval "$(systemfd env -q -s http::0)"
				rm -rf "$(dirname $SYSTEMFD_HOLDER)"
				touch removed`+then+`
				systemfd stop; echo $? >stopped`)
			wait := detached(p, "bash", "./script")
			checkStopsInTime(p)
			wait()
			testkit.Says(t, p.Read("probe"), "fd 3 .* listening=1 .*")
			checkOwnPID(t, p.Read("probe"))
			if log := p.Read("log"); strings.Contains(log, "error: ") {
				t.Errorf("the shell says %q", log)
			}
			p.AwaitNothing()
		})
	}
}

// checkStopsInTime gives a shell three seconds from the removal to the end of systemfd stop.
func checkStopsInTime(p *testkit.Project) {
	p.T.Helper()
	testkit.Await(p.T, "the removal", func() bool { return testkit.Exists(p.Path("removed")) })
	start := time.Now()
	if stopped := p.AwaitFile("stopped"); stopped != "0\n" {
		p.T.Errorf("stop: status %q", stopped)
	}
	if took := time.Since(start); took > 3*time.Second {
		p.T.Errorf("it took %v", took)
	}
}

// inTime runs systemfd, which may not fail and has three seconds.
func inTime(p *testkit.Project, args ...string) testkit.Outcome {
	p.T.Helper()
	start := time.Now()
	got := p.Run(args...)
	if took := time.Since(start); got.Status != 0 || took > 3*time.Second {
		p.T.Errorf("%q: status %d after %v", args, got.Status, took)
	}
	return got
}

// TestSteadyNeighbours has status and completion meet a holder that is stopped, and files that are no control sockets.
func TestSteadyNeighbours(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	address := testkit.FreePort(t)
	p.MustKeep(owner, "-s", address)
	thaw := freeze(t, neighbour(p, owner))
	defer thaw()
	litter(p)

	got := inTime(p, "status")
	testkit.Says(t, got.Out, `.* \(pid \d+\)`, `  tcp  `+regexp.QuoteMeta(address)+` .*`)
	if !regexp.MustCompile(`\Awarning: the holder at ".*\.sock" does not answer\n\z`).MatchString(got.Err) {
		t.Errorf("status says %q", got.Err)
	}
	got = inTime(p, "completion", "--for", "name")
	checkQuiet(t, "completion", got)
	testkit.Says(t, got.Out, `\w+\t`+regexp.QuoteMeta(address)+" of "+p.Dir)
	thaw()
	end()
	p.AwaitHolders(0)
	if left := testkit.LeftIn(filepath.Join(p.Runtime, "systemfd")); len(left) != 3 {
		t.Errorf("%q is left; the three files are not ours to remove", left)
	}
}

// neighbour starts the holder of another directory beside the only one that there is.
func neighbour(p *testkit.Project, owner int) (holder int) {
	p.T.Helper()
	first := p.Holder()
	p.At(testkit.Directory(p.T)).MustKeep(owner, "-s", "0")
	others := slices.DeleteFunc(p.Holders(), func(pid int) bool { return pid == first })
	if len(others) != 1 {
		p.T.Fatalf("the other holders are %v", others)
	}
	return others[0]
}

// litter puts three files that are no control sockets beside those that are, until the test ends.
func litter(p *testkit.Project) {
	p.T.Helper()
	for name, make := range map[string]func(path string) error{
		"x.sock":    func(path string) error { return os.WriteFile(path, []byte("garbage"), 0o600) },
		"link.sock": func(path string) error { return os.Symlink("/nowhere", path) },
		"dir.sock":  func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		path := filepath.Join(p.Runtime, "systemfd", name)
		if err := make(path); err != nil {
			p.T.Fatal(err)
		}
		p.T.Cleanup(func() { os.Remove(path) })
	}
}
