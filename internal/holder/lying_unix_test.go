//go:build unix

package holder

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/testkit"
)

// liar is one conversation of a holder that sends what a test wants.
type liar struct{ *net.UnixConn }

func (l liar) say(text string, fds ...int) error {
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_, _, err := l.WriteMsgUnix([]byte(text), rights, nil)
	return err
}

// answer reads a request before it says anything.
func (l liar) answer(say func(l liar)) {
	defer l.Close()
	l.SetDeadline(time.Now().Add(testkit.Patience))
	bufio.NewReaderSize(l, 1<<16).ReadString('\n')
	say(l)
}

// First lines of an answer: without an error, and with one.
const (
	ok = `{"Protocol":2,"Error":"","Hint":""}` + "\n"
	no = `{"Protocol":2,"Error":"not today","Hint":"tomorrow"}` + "\n"
)

// lying is a holder that reads a request, and answers by say. Stop ends it, and waits until it has.
func lying(t *testing.T, say func(l liar)) (c *client, stop func()) {
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
			all.Go(func() { liar{conn}.answer(say) })
		}
	})
	stop = sync.OnceFunc(func() {
		listener.Close()
		all.Wait()
	})
	t.Cleanup(stop)
	return &client{path, os.Geteuid()}, stop
}

// question is what a client asks of a holder.
type question func(t testing.TB, c *client) error

func askLook(t testing.TB, c *client) error {
	all, err := c.Look(testkit.Openings(t, "3000"))
	CloseFetched(all)
	return err
}

func askLookForTwo(t testing.TB, c *client) error {
	all, err := c.Look(testkit.Openings(t, "3000", "4000"))
	CloseFetched(all)
	return err
}

func askUse(t testing.TB, c *client) error {
	_, err := c.Use(testkit.Openings(t, "3000"))
	return err
}

func askStatus(_ testing.TB, c *client) error {
	_, err := c.Status()
	return err
}

func askRelease(_ testing.TB, c *client) error { return c.Release(1) }

func askClaim(t testing.TB, c *client) error {
	_, err := c.Claim(os.Getpid(), testkit.Openings(t, "0"))
	return err
}

// What errors say of lies.
const (
	garbled = "cannot be read: the message is malformed"
	strange = "says what no holder says"
	nothing = "gives no answer: it is another version of systemfd"

	isNo0     = " is no answer to 127.0.0.1:0 (tcp listener)"
	isNo3000  = " is no answer to 127.0.0.1:3000 (tcp listener)"
	notPassed = "the descriptor for 127.0.0.1:3000 is "
)

// Parts of answers to askLook and askUse: the socket that is kept, that socket passed, and a descriptor of no socket.
const (
	socket3000 = `{"Bound":"tcp::127.0.0.1:3000"}`
	passes3000 = ok + `{"Found":[` + socket3000 + `],"Descriptors":1}` + "\n"
	passesTwo  = ok + `{"Found":[` + socket3000 + `,{"Bound":"tcp::127.0.0.1:4000"}],"Descriptors":2}` + "\n"
	passesNone = ok + `{"Found":[null],"Descriptors":1}` + "\n"
)

// lie is what a holder answers to a question, and what the error has to say of it.
type lie struct {
	name string
	ask  question
	say  func(l liar)
	want string
}

func say(parts ...string) func(l liar) {
	return func(l liar) { l.say(strings.Join(parts, "")) }
}

// passing says something, and passes descriptors behind it.
func passing(text string, fds ...int) func(l liar) {
	return func(l liar) {
		l.say(text)
		l.say("\x00", fds...)
	}
}

var lies = []lie{
	{"nothing", askLook, say(), nothing},
	{"half of a line", askLook, say(ok[:10]), nothing},
	{"half of an answer", askLook, say(ok), nothing},
	{"garbage", askLook, say("garbage\n"), strange},
	{"an empty line", askLook, say("\n"), strange},
	{"a list", askLook, say("[]\n"), strange},
	{"an old version", askLook, say(`{"Protocol":1}` + "\n"), wire.ForeignVersion(1, wire.Protocol)},
	{"a later version", askStatus, say(`{"Protocol":7,"Error":"","Hint":"","Form":{}}` + "\n[]\n"), wire.ForeignVersion(7, wire.Protocol)},
	{"a later version's error", askStatus, say(`{"Protocol":7,"Error":"not today","Hint":"tomorrow"}` + "\n"), "not today"},
	{"endless text", askLook, func(l liar) {
		for l.say(strings.Repeat("a", 1<<16)) == nil {
		}
	}, strange},
	{"an endless answer", askStatus, func(l liar) {
		l.say(ok)
		for l.say(strings.Repeat(" ", 1<<16)) == nil {
		}
	}, "cannot be read: the message is too large"},
	{"an answer that is a list", askLook, say(ok, "[]\n"), garbled},
	{"numbers that are too large", askLook, say(ok, `{"PID":1e99}`+"\n"), garbled},
	{"no answer to a question", askLook, say(ok, `{}`+"\n"), "0 answers to 1 questions"},
	{"too many answers", askLook, say(ok, `{"Found":[null,null]}`+"\n"), "2 answers to 1 questions"},
	{"a negative number of descriptors", askLook, say(ok, `{"Found":[null],"Descriptors":-1}`+"\n"), garbled},
	{"more descriptors than answers", askLook, say(ok, `{"Found":[null],"Descriptors":1000000000}`+"\n"), garbled},
	{"no descriptor", askLook, say(ok, `{"Found":[`+socket3000+`]}`+"\n"), garbled},
	{"a descriptor that does not come", askLook, say(passes3000), nothing},
	{"no socket", askUse, say(ok, `{"Found":[{}]}`+"\n"), "says what cannot be: "},
	{"control characters", askUse, say(ok, `{"Found":[{"Bound":"\u001b[2J::3000"}]}`+"\n"), `bad socket "\x1b[2J::3000"`},
	{"another transport", askUse, say(ok, `{"Found":[{"Bound":"udp::127.0.0.1:3000"}]}`+"\n"), "127.0.0.1:3000 (udp)" + isNo3000},
	{"another family", askUse, say(ok, `{"Found":[{"Bound":"unix::/a"}]}`+"\n"), "/a (unix listener)" + isNo3000},

	{"a state with nothing in it", askStatus, say(ok, `{"Sockets":[null]}`+"\n"), "says what cannot be: "},
	{"a state of garbage", askStatus, say(ok, `{"Sockets":[{"Bound":"garbage"}]}`+"\n"), `bad socket "garbage"`},

	{"a claim without an answer", askClaim, say(ok, `{}`+"\n"), "0 answers to 1 questions"},
	{"a claim with too many answers", askClaim, say(ok, `{"Bound":["",""]}`+"\n"), "2 answers to 1 questions"},
	{"a claim of garbage", askClaim, say(ok, `{"Bound":["garbage"]}`+"\n"), `bad socket "garbage"`},
	{"a claim of another transport", askClaim, say(ok, `{"Bound":["udp::127.0.0.1:3000"]}`+"\n"), "127.0.0.1:3000 (udp)" + isNo0},
	{"a claim of another host", askClaim, say(ok, `{"Bound":["tcp::127.0.0.2:3000"]}`+"\n"), "127.0.0.2:3000 (tcp listener)" + isNo0},
	{"kept is garbage", askClaim, say(ok, `{"Bound":[""],"Kept":["garbage"]}`+"\n"), `bad socket "garbage"`},
	{"a claim that ends", askClaim, say(ok, `{"Bound":[""]}`+"\n"), nothing},
	{"a claim that is refused", askClaim, say(ok, `{"Bound":[""]}`+"\n", no), "not today"},
}

// liesWith are lies with descriptors: of a file, of a connection, and of a listener that nobody has asked for.
func liesWith(file, connection int, other socket.Socket) []lie {
	passesOther := strings.Replace(passes3000, "127.0.0.1:3000", other.Address(), 1)
	return []lie{
		{"endless descriptors", askLook, func(l liar) {
			for l.say("a", file, file, file) == nil {
			}
		}, "the holder at "},
		{"a descriptor for nothing", askLook, passing(passesNone, other.FD), garbled},
		{"a descriptor that was not asked for", askUse, passing(passes3000, other.FD), garbled},
		{"a file", askLook, passing(passes3000, file), notPassed},
		{"a file of two", askLookForTwo, passing(passesTwo, file, other.FD), notPassed},
		{"a connection", askLook, passing(passes3000, connection), notPassed + "a unix stream socket, connected"},
		{"bound elsewhere", askLook, passing(passes3000, other.FD), notPassed + other.Address()},
		{"more descriptors than announced", askLook, passing(passes3000, file, file, file), notPassed},
		{"descriptors with the header", askLook, func(l liar) { l.say(passes3000, other.FD, file) }, notPassed},
		{"another port", askLook, passing(passesOther, other.FD), other.Address() + " (tcp listener)" + isNo3000},
		{"a state with descriptors", askStatus, passing(passesNone, file), garbled},
		{"a release with descriptors", askRelease, passing(passesNone, file), garbled},
		{"a claim with descriptors", askClaim, passing(ok+`{"Bound":[""],"Found":[null],"Descriptors":1}`+"\n", file), garbled},
	}
}

// TestLies: each lie of a holder is an error, in time and without a panic, and nothing stays open. It is not parallel: it counts
// descriptors.
func TestLies(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	for _, test := range slices.Concat(lies, liesWith(int(null.Fd()), ends[0], open(t, "0"))) {
		t.Run(test.name, test.check)
	}
}

func (test lie) check(t *testing.T) {
	before := testkit.Descriptors(t)
	c, stop := lying(t, test.say)
	begin := time.Now()
	err := test.ask(t, c)
	if err == nil || !strings.Contains(err.Error(), test.want) {
		t.Errorf("got %v, want %q", err, test.want)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	stop()
	testkit.Await(t, "all descriptors to be closed", func() bool { return testkit.Descriptors(t) <= before })
}

// TestBusyHolder: a claim is tried again while others claim.
func TestBusyHolder(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	c, _ := lying(t, func(l liar) {
		if asked.Add(1) < 4 {
			l.say(ok + `{"Busy":true}` + "\n")
		} else {
			l.say(no)
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

// TestBusyStop: so is a stop of some sockets.
func TestBusyStop(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	c, _ := lying(t, func(l liar) {
		if asked.Add(1) < 3 {
			l.say(ok + `{"Busy":true}` + "\n")
		} else {
			l.say(ok + `{"Sockets":[{"Bound":"web=http::127.0.0.1:3000"}]}` + "\n")
		}
	})
	closed, err := c.Stop(testkit.Openings(t, "web=http::127.0.0.1:3000"))
	if err != nil || len(closed) != 1 || closed[0].Opening.Name != "web" || asked.Load() != 3 {
		t.Errorf("after %d stops: %+v, %v", asked.Load(), closed, err)
	}
}

type slowTest struct {
	name, begin, goOn string
	asks              []question
}

var slowTests = []slowTest{
	{"silence", "", "", []question{askLook, askUse, askStatus}},
	{"a byte now and then", "", " ", []question{askLook, askUse, askStatus}},
	{"a byte now and then behind the header", ok, " ", []question{askLook, askUse, askStatus}},
	{"bytes for a descriptor", passes3000, "\x00", []question{askLook}},
}

// TestSlowHolder: a look has one deadline, also if a little comes again and again.
func TestSlowHolder(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for _, test := range slowTests {
		for _, ask := range test.asks {
			c, _ := lying(t, test.say)
			all.Go(func() { test.check(t, c, ask) }) // all at once: each takes a second
		}
	}
	all.Wait()
}

func (test slowTest) say(l liar) {
	l.say(test.begin)
	if test.goOn == "" {
		l.Read(make([]byte, 1))
	}
	for l.say(test.goOn) == nil {
		time.Sleep(20 * time.Millisecond)
	}
}

func (test slowTest) check(t *testing.T, c *client, ask question) {
	begin := time.Now()
	err := ask(t, c)
	if want := fmt.Sprintf("the holder at %q does not answer", c.control); err == nil || err.Error() != want || testkit.Hint(err) == "" {
		t.Errorf("%s: got %v, want %q", test.name, err, want)
	}
	if took := time.Since(begin); took < lookTime || took > 3*lookTime {
		t.Errorf("%s: it took %v", test.name, took)
	}
}
