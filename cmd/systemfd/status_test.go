//go:build unix

package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// inUseTest is a command that takes a socket which node has.
type inUseTest struct {
	args []string
	said string   // WARNING stands for the one that node has it
	also []string // what the probe finds beside the socket
}

var inUseTests = []inUseTest{
	{[]string{"--", "probe"}, "WARNING\n", nil},
	{[]string{"-q", "--", "probe"}, "", nil},
	{[]string{"--append", "-s", "udp::0", "--", "probe"}, "WARNING\n~> socket .*\n", []string{"fd 4 .* blocking 127.*"}},
	{[]string{"--", "systemfd", "--", "probe"}, "(WARNING\n)+", nil},
	{[]string{"--hold", "--", "systemfd", "--", "probe"}, "(WARNING\n)+", nil},
	{[]string{"--hold", "--", "sh", "-c", "exec 3<&-; exec systemfd -- probe"}, "(WARNING\n)+", nil},
}

// TestInUse: a second command takes a kept socket while Node serves it. Node needs its O_NONBLOCK.
func TestInUse(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "node")
	needNames(t)
	p := testkit.NewProject(t)
	p.KeepHere("-s", "app=http::0")
	socket := p.Held()[0]
	node := testkit.Server{Name: "node"}
	below(p, "node", "", []string{"node", source(t, "node.js")})
	pid, err := node.Ask(socket.Address)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range inUseTests {
		test.check(p, socket, pid)
		if again, err := node.Ask(socket.Address); err != nil || again != pid {
			t.Fatalf("after %q process %d answers, not %d: %v", test.args, again, pid, err)
		}
	}
	awaitOnlyUser(p, socket, pid)
	testkit.Kill(t, pid)
	checkUnused(p, socket)
}

// check takes the socket. It stays as node needs it.
func (test inUseTest) check(p *testkit.Project, socket testkit.Held, node int) {
	p.T.Helper()
	here := regexp.QuoteMeta(socket.Address)
	warning := fmt.Sprintf(`warning: %s is also in use by node \(pid %d\)`, here, node)
	said := strings.ReplaceAll(test.said, "WARNING", warning)
	got := p.Run(test.args...)
	if !regexp.MustCompile(`\A` + said + `\z`).MatchString(got.Err) {
		p.T.Errorf("%q says %q, want %q", test.args, got.Err, said)
	}
	testkit.Says(p.T, got.Out, append([]string{"fd 3 .* nonblocking " + here}, test.also...)...)
	if !isNonblocking(p.T, socket.Holder.PID) {
		p.T.Fatalf("%q has cleared O_NONBLOCK: node waits in accept(2) for ever", test.args)
	}
}

// awaitOnlyUser waits until status names only node.
func awaitOnlyUser(p *testkit.Project, socket testkit.Held, node int) {
	p.T.Helper()
	testkit.Await(p.T, "status to name only node", func() bool {
		users := p.Held()[0].Users
		return len(users) == 1 && users[0].PID == node && users[0].Name == "node"
	})
	testkit.Says(p.T, p.Run("status").Out, regexp.QuoteMeta(p.Dir)+` \(pid \d+\)`, `  app  http://`+regexp.QuoteMeta(socket.Address)+`/  open .*`,
		`.* used by node \(pid `+strconv.Itoa(node)+`\)`)
}

// checkUnused checks that nobody is warned of a server that has ended, and that status does not name it.
func checkUnused(p *testkit.Project, socket testkit.Held) {
	p.T.Helper()
	got := p.Run("--", "sh", "-c", "systemfd -- probe") // the shell has it too: it started the probe
	if got.Err != "" {
		p.T.Errorf("without node it says %q", got.Err)
	}
	testkit.Says(p.T, got.Out, "fd 3 .* blocking "+regexp.QuoteMeta(socket.Address))
	testkit.Await(p.T, "status to name no user", func() bool { return len(p.Held()[0].Users) == 0 })
}

// TestStatusCountsWaiting has connections wait, and a server take them.
func TestStatusCountsWaiting(t *testing.T) {
	t.Parallel()
	testkit.LinuxOnly(t, "the number of connections that wait at a socket")
	p := testkit.NewProject(t)
	p.KeepHere("-s", "app=http::0", "-s", "udp::0", "-s", "./ctl")
	sockets := p.Held()
	if len(sockets) != 3 || waiting(sockets[0]) != 0 || sockets[1].Waiting != nil || waiting(sockets[2]) != 0 {
		t.Fatalf("what is held is %+v", sockets)
	}
	for range 3 {
		testkit.DialAny(t, "tcp", sockets[0].Address)
	}
	for range 2 {
		testkit.DialAny(t, "unix", sockets[2].Address)
	}
	if held := p.Held(); waiting(held[0]) != 3 || waiting(held[2]) != 2 {
		t.Errorf("%d and %d connections wait, want 3 and 2", waiting(held[0]), waiting(held[2]))
	}
	testkit.Says(t, p.Run("status").Out, regexp.QuoteMeta(p.Dir)+` \(pid \d+\)`,
		`  app   http://`+regexp.QuoteMeta(sockets[0].Address)+`/  open \d+s, 3 waiting,.*`, `.* for \S+ \(pid `+strconv.Itoa(os.Getpid())+`\)`,
		`  udp   \S+ \(udp\)  open \d+s, for \S+ \(pid \d+\)`, `  unix  `+regexp.QuoteMeta(p.Dir)+`/ctl .*`, `.* 2 waiting,.*`)
	if since := time.Since(sockets[0].Since); since < 0 || since > testkit.Patience {
		t.Errorf("held for %v", since)
	}

	below(p, "server", "", []string{"probe", "serve"})
	testkit.Await(t, "the server to take them", func() bool { return waiting(p.Held()[0]) == 0 })
}

// waiting is how many connections wait, -1 if status does not say.
func waiting(held testkit.Held) int {
	if held.Waiting == nil {
		return -1
	}
	return *held.Waiting
}
