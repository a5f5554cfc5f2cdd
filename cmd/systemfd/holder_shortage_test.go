//go:build unix

package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file has holders and clients with many sockets, or with few open files.

// freePorts are flags for so many free ports, of a host that nobody else uses.
func freePorts(number int) []string {
	return slices.Repeat([]string{"-s", testkit.FreeHost() + ":0"}, number)
}

// within has a command of the project have so many open files at most: for testkit.HandOff.
func within(p *testkit.Project, files int) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		p.In(cmd)
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, files)}, cmd.Args...)
	}
}

// TestManySockets passes more than one SCM_RIGHTS message carries.
func TestManySockets(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	environ := p.MustKeep(owner, freePorts(300)...)
	got := p.With(environ, "--", "probe")
	checkQuiet(t, "the probe", got)
	for i, held := range p.Held() {
		testkit.Says(t, got.Out, listens(3+i, held.Address))
	}
	testkit.SaysNot(t, got.Out, "fd 303 .*")
	p.Env = environ
	checkFew(p)
	end()
	p.AwaitNothing()
}

// checkFew has a command get the 300 sockets when it may not have so many open files, or not twice as many.
func checkFew(p *testkit.Project) {
	p.T.Helper()
	none := testkit.HandOff(p.T, within(p, 200), "--", "probe")
	testkit.Says(p.T, none.Err, "error: .*(too many open files|descriptors).*")
	if none.Status != 125 || strings.Contains(none.Err, "gone") {
		p.T.Errorf("with 200 descriptors: status %d, %s", none.Status, none.Err)
	}
	once := testkit.HandOff(p.T, within(p, 310), "--", "probe")
	if once.Status == 0 {
		testkit.Says(p.T, once.Out, "fd 302 .* listening=1 .*")
		return
	}
	testkit.Says(p.T, once.Err, "error: .*too many open files.*")
	if strings.Contains(once.Err, "gone") {
		p.T.Errorf("with 310 descriptors: status %d, %s", once.Status, once.Err)
	}
}

// TestSteadyThousands keeps 4,000 sockets, lists them, and passes them on.
func TestSteadyThousands(t *testing.T) {
	t.Parallel()
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil || files.Max < 10000 {
		t.Skipf("RLIMIT_NOFILE is %d at most, %v", files.Max, err)
	}
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	environ := p.MustKeep(owner, freePorts(4000)...)
	if held := p.Held(); len(held) != 4000 {
		t.Errorf("%d sockets are held", len(held))
	}
	got := p.With(environ, "-q", "--", "probe")
	checkQuiet(t, "the probe", got)
	testkit.Says(t, got.Out, "fd 3 socket .*", "fd 4002 socket .*")
	testkit.SaysNot(t, got.Out, "fd 4003 .*")
	end()
	p.AwaitNothing()
}

// TestSteadyShortage asks for 4,000 sockets when the client, or the holder, may have 200 open files.
func TestSteadyShortage(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	env := func(prepare func(*exec.Cmd), specs ...string) testkit.Outcome {
		return testkit.HandOff(t, prepare, append([]string{"env", "-q", "--json", "--owner", strconv.Itoa(owner)}, specs...)...)
	}
	poor := within(p, 200)
	checkTooMany(t, env(poor, freePorts(4000)...))
	p.AwaitNothing()

	if got := env(poor, "-s", "127.0.0.1:0", "-s", "./a.sock"); got.Status != 0 { // starts a poor holder
		t.Errorf("status %d, %s", got.Status, got.Err)
	}
	keeper := p.Holder()
	for range 5 {
		checkTooMany(t, env(p.In, freePorts(4000)...))
	}
	if held := p.Held(); len(held) != 2 || p.Holder() != keeper {
		t.Errorf("%d sockets are held by process %d, which was %d", len(held), p.Holder(), keeper)
	}
	end()
	p.AwaitNothing()
}

// checkTooMany checks that a claim is refused because it takes too many open files.
func checkTooMany(t *testing.T, got testkit.Outcome) {
	t.Helper()
	want := `\Aerror: .*(too many open files|descriptors).*\nhint: .*ulimit -n.*\n\z`
	if got.Status != 1 || got.Out != "" || !regexp.MustCompile(want).MatchString(got.Err) {
		t.Errorf("status %d, %.100s%swant %q", got.Status, got.Out, got.Err, want)
	}
}
