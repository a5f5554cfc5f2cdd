//go:build unix

package holder

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/testkit"
)

// liar is one conversation of a holder that says whatever a test has it say.
type liar struct{ *net.UnixConn }

func (l liar) say(text string, fds ...int) error {
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_, _, err := l.WriteMsgUnix([]byte(text), rights, nil)
	return err
}

// ok is the first line of an answer without an error.
const ok = `{"Protocol":2,"Error":"","Hint":""}` + "\n"

// lying is a holder that reads a request, and answers by say. Stop ends it, and waits until it has.
func lying(t *testing.T, say func(l liar)) (c *Client, stop func()) {
	t.Helper()
	path := testkit.Directory(t) + "/x.sock"
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(testkit.Patience))
				bufio.NewReaderSize(conn, 1<<16).ReadString('\n')
				say(liar{conn})
			})
		}
	})
	stop = sync.OnceFunc(func() {
		listener.Close()
		all.Wait()
	})
	t.Cleanup(stop)
	return &Client{path, os.Geteuid()}, stop
}

// TestLies: whatever a holder says, there is an error in time, no panic, and nothing stays open. It is not parallel: it
// counts descriptors.
func TestLies(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	file := int(null.Fd())
	other := open(t, "0")
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	const socket3000 = `{"Bound":"tcp::127.0.0.1:3000"}`
	say := func(parts ...string) func(l liar) {
		return func(l liar) { l.say(strings.Join(parts, "")) }
	}
	passing := func(text string, fds ...int) func(l liar) {
		return func(l liar) {
			l.say(text)
			l.say("\x00", fds...)
		}
	}
	look, use, status := questions(t)
	lookForTwo := func(c *Client) error {
		all, err := c.Look(testkit.Openings(t, "3000", "4000"))
		CloseFetched(all)
		return err
	}
	release := func(c *Client) error { return c.Release(1) }
	claim := func(c *Client) error {
		_, err := c.Claim(os.Getpid(), testkit.Openings(t, "0"))
		return err
	}
	const (
		garbled = "cannot be read: the message is malformed"
		strange = "says what no holder says"
		nothing = "gives no answer: it is another version of systemfd"
	)
	tests := []struct {
		name string
		ask  func(c *Client) error
		say  func(l liar)
		want string
	}{
		{"nothing", look, say(), nothing},
		{"half of a line", look, say(ok[:10]), nothing},
		{"half of an answer", look, say(ok), nothing},
		{"garbage", look, say("garbage\n"), strange},
		{"an empty line", look, say("\n"), strange},
		{"a list", look, say("[]\n"), strange},
		{"an old version", look, say(`{"Protocol":1}` + "\n"), wire.ForeignVersion(1, wire.Protocol)},
		{"a later version", status, say(`{"Protocol":7,"Error":"","Hint":"","Form":{}}` + "\n[]\n"), wire.ForeignVersion(7, wire.Protocol)},
		{"a later version's error", status, say(`{"Protocol":7,"Error":"not today","Hint":"tomorrow"}` + "\n"), "not today"},
		{"endless text", look, func(l liar) {
			for l.say(strings.Repeat("a", 1<<16)) == nil {
			}
		}, strange},
		{"an endless answer", status, func(l liar) {
			l.say(ok)
			for l.say(strings.Repeat(" ", 1<<16)) == nil {
			}
		}, "cannot be read: the message is too large"},
		{"endless descriptors", look, func(l liar) {
			for l.say("a", file, file, file) == nil {
			}
		}, "the holder at "},
		{"an answer that is a list", look, say(ok, "[]\n"), garbled},
		{"numbers that are too large", look, say(ok, `{"PID":1e99}`+"\n"), garbled},
		{"no answer to a question", look, say(ok, `{}`+"\n"), "0 answers to 1 questions"},
		{"too many answers", look, say(ok, `{"Found":[null,null]}`+"\n"), "2 answers to 1 questions"},
		{"a negative number of descriptors", look, say(ok, `{"Found":[null],"Descriptors":-1}`+"\n"), garbled},
		{"more descriptors than answers", look, say(ok, `{"Found":[null],"Descriptors":1000000000}`+"\n"), garbled},
		{"a descriptor for nothing", look, passing(ok+`{"Found":[null],"Descriptors":1}`+"\n", other.FD), garbled},
		{"a descriptor that was not asked for", use, passing(ok+`{"Found":[`+socket3000+`],"Descriptors":1}`+"\n", other.FD), garbled},
		{"no descriptor", look, say(ok, `{"Found":[`+socket3000+`]}`+"\n"), garbled},
		{"a descriptor that does not come", look, say(ok, `{"Found":[`+socket3000+`],"Descriptors":1}`+"\n"), nothing},
		{"a file", look, passing(ok+`{"Found":[`+socket3000+`],"Descriptors":1}`+"\n", file), "the descriptor for 127.0.0.1:3000 is "},
		{"a file of two", lookForTwo, passing(ok+`{"Found":[`+socket3000+`,{"Bound":"tcp::127.0.0.1:4000"}],"Descriptors":2}`+"\n", file, other.FD), "the descriptor for 127.0.0.1:3000 is "},
		{"a connection", look, passing(ok+`{"Found":[`+socket3000+`],"Descriptors":1}`+"\n", ends[0]), "the descriptor for 127.0.0.1:3000 is a unix stream socket, connected"},
		{"bound elsewhere", look, passing(ok+`{"Found":[`+socket3000+`],"Descriptors":1}`+"\n", other.FD), "the descriptor for 127.0.0.1:3000 is " + other.Address()},
		{"more descriptors than announced", look, passing(ok+`{"Found":[`+socket3000+`],"Descriptors":1}`+"\n", file, file, file), "the descriptor for 127.0.0.1:3000 is "},
		{"descriptors with the header", look, func(l liar) { l.say(ok+`{"Found":[`+socket3000+`],"Descriptors":1}`+"\n", other.FD, file) }, "the descriptor for 127.0.0.1:3000 is "},
		{"no socket", use, say(ok, `{"Found":[{}]}`+"\n"), "says what cannot be: "},
		{"control characters", use, say(ok, `{"Found":[{"Bound":"\u001b[2J::3000"}]}`+"\n"), `bad socket "\x1b[2J::3000"`},
		{"another transport", use, say(ok, `{"Found":[{"Bound":"udp::127.0.0.1:3000"}]}`+"\n"), "127.0.0.1:3000 (udp) is no answer to 127.0.0.1:3000 (tcp listener)"},
		{"another family", use, say(ok, `{"Found":[{"Bound":"unix::/a"}]}`+"\n"), "/a (unix listener) is no answer to 127.0.0.1:3000 (tcp listener)"},
		{"another port", look, passing(ok+`{"Found":[{"Bound":"tcp::`+other.Address()+`"}],"Descriptors":1}`+"\n", other.FD), other.Address() + " (tcp listener) is no answer to 127.0.0.1:3000 (tcp listener)"},

		{"a state with descriptors", status, passing(ok+`{"Found":[null],"Descriptors":1}`+"\n", file), garbled},
		{"a state with nothing in it", status, say(ok, `{"Sockets":[null]}`+"\n"), "says what cannot be: "},
		{"a state of garbage", status, say(ok, `{"Sockets":[{"Bound":"garbage"}]}`+"\n"), `bad socket "garbage"`},
		{"a release with descriptors", release, passing(ok+`{"Found":[null],"Descriptors":1}`+"\n", file), garbled},

		{"a claim without an answer", claim, say(ok, `{}`+"\n"), "0 answers to 1 questions"},
		{"a claim with too many answers", claim, say(ok, `{"Bound":["",""]}`+"\n"), "2 answers to 1 questions"},
		{"a claim of garbage", claim, say(ok, `{"Bound":["garbage"]}`+"\n"), `bad socket "garbage"`},
		{"a claim of another transport", claim, say(ok, `{"Bound":["udp::127.0.0.1:3000"]}`+"\n"), "127.0.0.1:3000 (udp) is no answer to 127.0.0.1:0 (tcp listener)"},
		{"a claim of another host", claim, say(ok, `{"Bound":["tcp::127.0.0.2:3000"]}`+"\n"), "127.0.0.2:3000 (tcp listener) is no answer to 127.0.0.1:0 (tcp listener)"},
		{"kept is garbage", claim, say(ok, `{"Bound":[""],"Kept":["garbage"]}`+"\n"), `bad socket "garbage"`},
		{"a claim with descriptors", claim, passing(ok+`{"Bound":[""],"Found":[null],"Descriptors":1}`+"\n", file), garbled},
		{"a claim that ends", claim, say(ok, `{"Bound":[""]}`+"\n"), nothing},
		{"a claim that is refused", claim, say(ok, `{"Bound":[""]}`+"\n", `{"Protocol":2,"Error":"not today","Hint":"tomorrow"}`+"\n"), "not today"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := testkit.Descriptors(t)
			c, stop := lying(t, test.say)
			begin := time.Now()
			err := test.ask(c)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			stop()
			testkit.Await(t, "all descriptors to be closed", func() bool { return testkit.Descriptors(t) <= before })
		})
	}
}

// TestBusyHolder: a claim is tried again while others claim.
func TestBusyHolder(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	c, _ := lying(t, func(l liar) {
		if asked.Add(1) < 4 {
			l.say(ok + `{"Busy":true}` + "\n")
		} else {
			l.say(`{"Protocol":2,"Error":"not today","Hint":"tomorrow"}` + "\n")
		}
	})
	begin := time.Now()
	_, err := c.Claim(os.Getpid(), testkit.Openings(t, "0"))
	if err == nil || err.Error() != "not today" || testkit.Hint(err) != "tomorrow" || asked.Load() != 4 {
		t.Errorf("after %d claims: %v", asked.Load(), err)
	}
	if took := time.Since(begin); took < 3*wire.BusyPause {
		t.Errorf("it has not waited: %v", took)
	}
}

// questions are what a client may ask of a holder that keeps port 3000.
func questions(t *testing.T) (look, use, status func(c *Client) error) {
	t.Helper()
	wanted := testkit.Openings(t, "3000")
	look = func(c *Client) error {
		all, err := c.Look(wanted)
		CloseFetched(all)
		return err
	}
	use = func(c *Client) error {
		_, err := c.Use(wanted)
		return err
	}
	status = func(c *Client) error {
		_, err := c.Status()
		return err
	}
	return look, use, status
}

// TestSlowHolder: a look has one deadline, however little comes, and as long as anything does.
func TestSlowHolder(t *testing.T) {
	t.Parallel()
	look, use, status := questions(t)
	var all sync.WaitGroup
	for _, test := range []struct {
		name, begin, goOn string
		ask               []func(c *Client) error
	}{
		{"silence", "", "", []func(c *Client) error{look, use, status}},
		{"a byte now and then", "", " ", []func(c *Client) error{look, use, status}},
		{"a byte now and then behind the header", ok, " ", []func(c *Client) error{look, use, status}},
		{"bytes for a descriptor", ok + `{"Found":[{"Bound":"tcp::127.0.0.1:3000"}],"Descriptors":1}` + "\n", "\x00", []func(c *Client) error{look}},
	} {
		for _, ask := range test.ask {
			c, _ := lying(t, func(l liar) {
				l.say(test.begin)
				if test.goOn == "" {
					l.Read(make([]byte, 1))
				}
				for l.say(test.goOn) == nil {
					time.Sleep(20 * time.Millisecond)
				}
			})
			all.Go(func() { // all at once: each takes a second
				begin := time.Now()
				err := ask(c)
				if want := fmt.Sprintf("the holder at %q does not answer", c.control); err == nil || err.Error() != want || testkit.Hint(err) == "" {
					t.Errorf("%s: got %v, want %q", test.name, err, want)
				}
				if took := time.Since(begin); took < lookTime || took > 3*lookTime {
					t.Errorf("%s: it took %v", test.name, took)
				}
			})
		}
	}
	all.Wait()
}
