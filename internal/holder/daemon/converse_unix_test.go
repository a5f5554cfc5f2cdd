//go:build unix

package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/testkit"
)

// foreign is the hint for a client of another version.
const foreign = "end it by the systemfd that started it: systemfd stop"

// notMe is the ID of another process, elsewhere what the holder says if this process claims to have it.
var (
	notMe     = os.Getpid() + 1
	elsewhere = fmt.Sprintf("process %d is process %d here: it is in another pid namespace than the holder", notMe, os.Getpid())
)

var requestIsRefusedTests = []struct{ name, say, want, hint string }{
	{"garbage", "garbage\n", "the message is malformed", ""},
	{"nothing", "\n", "the message is malformed", ""},
	{"a list", "[]\n", "the message is malformed", ""},
	{"a type of ours is wrong", `{"Protocol":2,"Op":"status","Client":"me"}` + "\n", "the message is malformed", ""},
	{"binary", "\xff\x00\x01\n", "the message is malformed", ""},
	{"too large", strings.Repeat("a", wire.MaxText+1<<15), "the message is too large", ""},
	{"no version", `{"Op":"fetch","Specs":["0"]}` + "\n", wire.ForeignVersion(wire.Protocol, 0), foreign},
	{"an old version", lineOf(wire.Request{Protocol: 1, Op: wire.Status, Client: os.Getpid()}), wire.ForeignVersion(wire.Protocol, 1), foreign},
	{"a later version", `{"Protocol":7,"Op":"dance","With":{"a":1}}` + "\n", wire.ForeignVersion(wire.Protocol, 7), foreign},
	{
		"a later version of another form", `{"Protocol":7,"Op":["status"],"Owner":{"PID":1},"Client":"me"}` + "\n",
		wire.ForeignVersion(wire.Protocol, 7), foreign,
	},
	{
		"another process", lineOf(wire.Request{Protocol: wire.Protocol, Op: wire.Fetch, Client: notMe}),
		elsewhere, "set XDG_RUNTIME_DIR to a directory that is not shared with it",
	},
	{"an unknown request", lineOf(ours(wire.Request{Op: "dance"})), `unknown request "dance"`, ""},
	{"no request", lineOf(ours(wire.Request{})), `unknown request ""`, ""},
	{"control characters", lineOf(ours(wire.Request{Op: "\x1b[2J\n"})), `unknown request "\x1b[2J\n"`, ""},
	{
		"a claim of nonsense", lineOf(ours(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: []string{"0", "nonsense"}})),
		`bad socket "nonsense": `, "",
	},
	{
		"nonsense fetched", lineOf(ours(wire.Request{Op: wire.Fetch, Openings: []string{"tcp::127.0.0.1:1~dance"}})),
		`bad socket "tcp::127.0.0.1:1~dance": bad option "dance"`, "",
	},
}

// TestRequestIsRefused: each bad request gets an answer, and the holder goes on.
func TestRequestIsRefused(t *testing.T) {
	t.Parallel()
	s := serving(t)
	claimed(t, s.path, os.Getpid(), "0")
	for _, test := range requestIsRefusedTests {
		t.Run(test.name, func(t *testing.T) {
			c := connect(t, s.path)
			c.say(test.say)
			line := c.rawLine()
			if h := strictHeader(t, line); h.Protocol != wire.Protocol || !strings.HasPrefix(h.Error, test.want) || h.Hint != test.hint {
				t.Errorf("the answer is %q", line)
			}
			c.ends()
			keeps(t, s.path, 1)
		})
	}
}

// rawLine reads a line as it is.
func (c *client) rawLine() string {
	c.t.Helper()
	var line json.RawMessage
	if err := c.Line(&line); err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	return string(line)
}

// strictHeader reads a header that has what every version knows, and nothing else.
func strictHeader(t *testing.T, line string) (h struct {
	Protocol    int
	Error, Hint string
},
) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		t.Errorf("%q: %v", line, err)
	}
	return h
}

// lateRequests are requests that take too long.
var lateRequests = map[string]func(c *client){
	"silence":             func(*client) {},
	"half of a line":      func(c *client) { c.say(`{"Protocol":2`) },
	"a byte now and then": func(c *client) { c.sayOn(" ") },
}

// TestRequestIsLate: a client whose request takes too long is told so, even if it goes on sending.
func TestRequestIsLate(t *testing.T) {
	t.Parallel()
	s := serving(t)
	clients := map[string]*client{}
	var said sync.WaitGroup
	begin := time.Now()
	for name, say := range lateRequests {
		c := connect(t, s.path)
		clients[name] = c
		said.Go(func() { say(c) })
	}
	t.Cleanup(said.Wait)
	for name, c := range clients {
		if h := c.header(); h.Error != "no request within 2s" {
			t.Errorf("%s: refused: %+v", name, h)
		}
		if took := time.Since(begin); took < wire.RequestTime || took > 3*wire.RequestTime {
			t.Errorf("%s: it took %v", name, took)
		}
	}
}

// TestNothingIsAsked: the end of a connection without a request is not answered.
func TestNothingIsAsked(t *testing.T) {
	t.Parallel()
	s := serving(t)
	for _, text := range []string{"", `{"Protocol":2}`} {
		c := connect(t, s.path)
		c.say(text)
		unix.Shutdown(c.fd, unix.SHUT_WR)
		if err := c.Line(new(any)); !errors.Is(err, io.EOF) {
			t.Errorf("after %q: %v", text, err)
		}
	}
}

// TestSecondRequest: a conversation has one.
func TestSecondRequest(t *testing.T) {
	t.Parallel()
	s := serving(t)
	c := connect(t, s.path)
	line := lineOf(ours(wire.Request{Op: wire.Status}))
	c.say(line + line)
	c.answer()
	c.ends()
}

// TestSilentClients: connections that say nothing, and clients that do not read, do not disturb others, however many they are.
func TestSilentClients(t *testing.T) {
	t.Parallel()
	s := serving(t)
	claimed(t, s.path, os.Getpid(), "0")
	for range 300 {
		connect(t, s.path)
	}
	begin := time.Now()
	for range 20 {
		if a := asked(t, s.path, wire.Request{Op: wire.Status}); len(a.Sockets) != 1 {
			t.Fatalf("the state is %+v", a)
		}
	}
	if took := time.Since(begin); took > wire.RequestTime {
		t.Errorf("they take %v", took)
	}
}

// TestSlots: no more answers are made at once than there are slots, and more clients than that are all answered.
func TestSlots(t *testing.T) {
	t.Parallel()
	s := serving(t)
	claimed(t, s.path, os.Getpid(), "0")
	var clients []*client
	s.locked(func() {
		for range 3 * slots {
			c := connect(t, s.path)
			c.ask(wire.Request{Op: wire.Status})
			clients = append(clients, c)
		}
		testkit.Await(t, "the slots to be taken", func() bool { return len(s.slots) == slots })
	})
	for _, c := range clients {
		if a := c.answer(); len(a.Sockets) != 1 {
			t.Errorf("the answer is %+v", a)
		}
	}
}

// TestAllAtOnce has many owners and users of one holder at the same time, for the race detector. In the end nothing is left.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	s := serving(t)
	claimed(t, s.path, os.Getpid(), "0")
	var all sync.WaitGroup
	for i := range 8 {
		owner := testkit.Sleeper(t)
		all.Go(func() {
			for j := range 10 {
				s.claimFetchLook(t, owner.Process.Pid, j%2 == 0)
				if j%3 == i%3 {
					asked(t, s.path, wire.Request{Op: wire.Release, Owner: owner.Process.Pid})
				}
			}
			testkit.End(owner)
		})
	}
	all.Wait()
	asked(t, s.path, wire.Request{Op: wire.Release, Owner: os.Getpid()})
	s.await(t, "this process to be the last", func() bool { return len(s.ledger.claims) == 1 }) // which has fetched
	s.locked(func() { s.release(s.ledger.current[party{os.Getpid(), user}]) })
	s.isOver(t)
}

// claimFetchLook claims what a holder has, unless another claim is in conversation, then fetches it, and looks at it.
func (s *server) claimFetchLook(t *testing.T, owner int, pass bool) {
	t.Helper()
	const text = "tcp::127.0.0.1:0"
	c := connect(t, s.path)
	if a := c.claim(owner, text); !a.Busy {
		c.store()
		c.header()
	}
	c.close()
	asked(t, s.path, wire.Request{Op: wire.Fetch, Openings: []string{text}, Pass: pass})
	keeps(t, s.path, 1)
}
