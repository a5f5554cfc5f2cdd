//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestInUse has a second command take a held socket from under Node, which needs its O_NONBLOCK.
func TestInUse(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "node")
	p := testkit.NewProject(t)
	p.KeepHere("-s", "app=http::0")
	socket := p.Held()[0]
	node := testkit.Server{Name: "node"}
	below(p, "node", "", []string{"node", source(t, "node.js")})
	pid, err := node.Ask(socket.Address)
	if err != nil {
		t.Fatal(err)
	}

	here := regexp.QuoteMeta(socket.Address)
	warning := fmt.Sprintf(`warning: %s is also in use by node \(pid %d\)`, here, pid)
	lives := func(what string) {
		t.Helper()
		if again, err := node.Ask(socket.Address); err != nil || again != pid {
			t.Fatalf("after %s process %d answers, not %d: %v", what, again, pid, err)
		}
	}
	for _, test := range []struct {
		args     []string
		said     string
		patterns []string
	}{
		{[]string{"--", "probe"}, warning + "\n", []string{"fd 3 .* nonblocking " + here}},
		{[]string{"-q", "--", "probe"}, "", []string{"fd 3 .* nonblocking " + here}},
		{[]string{"--append", "-s", "udp::0", "--", "probe"}, warning + "\n~> socket .*\n", []string{"fd 3 .* nonblocking " + here, "fd 4 .* blocking 127.*"}},
		{[]string{"--", "systemfd", "--", "probe"}, "(" + warning + "\n)+", []string{"fd 3 .* nonblocking " + here}},
		{[]string{"--hold", "--", "systemfd", "--", "probe"}, "(" + warning + "\n)+", []string{"fd 3 .* nonblocking " + here}},
		{[]string{"--hold", "--", "sh", "-c", "exec 3<&-; exec systemfd -- probe"}, "(" + warning + "\n)+", []string{"fd 3 .* nonblocking " + here}},
	} {
		got := p.Run(test.args...)
		if !regexp.MustCompile(`\A` + test.said + `\z`).MatchString(got.Err) {
			t.Errorf("%q says %q, want %q", test.args, got.Err, test.said)
		}
		testkit.Says(t, got.Out, test.patterns...)
		if !isNonblocking(t, socket.Holder) {
			t.Fatalf("%q has cleared O_NONBLOCK: node waits in accept(2) for ever", test.args)
		}
		lives(strings.Join(test.args, " "))
	}

	testkit.Await(t, "status to name only node", func() bool {
		users := p.Held()[0].Users
		return len(users) == 1 && users[0].PID == pid && users[0].Name == "node"
	})
	testkit.Says(t, p.Run("status").Out, `app +`+here+` .* node \(pid `+strconv.Itoa(pid)+`\) +`+p.Dir)

	testkit.Kill(t, pid)
	got := p.Run("--", "sh", "-c", "systemfd -- probe") // the shell has it too: it started the probe
	if got.Err != "" {
		t.Errorf("without node it says %q", got.Err)
	}
	testkit.Says(t, got.Out, "fd 3 .* blocking "+here)
	testkit.Await(t, "status to name no user", func() bool { return len(p.Held()[0].Users) == 0 })
}

// TestStatusCountsWaiting has connections wait, and a server take them.
func TestStatusCountsWaiting(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	p.KeepHere("-s", "app=http::0", "-s", "udp::0", "-s", "./ctl")
	sockets := p.Held()
	if len(sockets) != 3 || sockets[0].Waiting != 0 || sockets[1].Waiting != -1 {
		t.Fatalf("what is held is %+v", sockets)
	}
	for range 3 {
		c, err := net.Dial("tcp", sockets[0].Address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if waiting := p.Held()[0].Waiting; waiting != 3 {
		t.Errorf("%d connections wait, want 3", waiting)
	}
	testkit.Says(t, p.Run("status").Out, `NAME +ADDRESS +OWNER +SINCE +WAITING +USED BY +FOLDER`,
		`app +`+regexp.QuoteMeta(sockets[0].Address)+` +\S+ \(pid `+strconv.Itoa(os.Getpid())+`\) +\d+s ago +3 +- +`+p.Dir,
		`udp +\S+ +\S+ \(pid \d+\) +\d+s ago +- +- +`+p.Dir)
	if since := time.Since(sockets[0].Since); since < 0 || since > testkit.Patience {
		t.Errorf("held for %v", since)
	}

	below(p, "server", "", []string{"probe", "serve"})
	testkit.Await(t, "the server to take them", func() bool { return p.Held()[0].Waiting == 0 })
}
