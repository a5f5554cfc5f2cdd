//go:build unix

package daemon

import (
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// hurried is the directory of a holder that waits only a second for its first claim.
const hurried = "/hurried"

// killed is the directory of a holder that is killed while it starts.
const killed = "/killed"

// TestMain is also the hidden command: the holders that these tests start are this program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Command {
		if os.Args[len(os.Args)-1] == killed {
			unix.Kill(os.Getpid(), unix.SIGKILL)
		}
		if os.Args[len(os.Args)-1] == hurried {
			emptyTime = time.Second
		}
		os.Exit(Main(os.Args[2:]))
	}
	if path := os.Getenv(askVariable); path != "" {
		os.Exit(ask(path))
	}
	if w, err := process.WatchEnd(os.Getpid(), nil); err == nil { // what all watches share is open before tests count descriptors
		w.Stop()
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector would sleep a second in each
	os.Exit(m.Run())
}

// askVariable makes this program another client: it has the holder with that control socket release its claim.
const askVariable = "DAEMON_TEST_ASK"

// ask prints the first line of the answer.
func ask(control string) int {
	fd, err := dial(control)
	if err != nil {
		return 1
	}
	answer := exchange(fd, lineOf(ours(wire.Request{Op: wire.Release})))
	os.Stdout.Write(answer)
	if len(answer) == 0 {
		return 1
	}
	return 0
}

// exchange writes a request and reads an answer. The holder may have closed meanwhile: that answer is empty.
func exchange(fd int, request string) []byte {
	testkit.Retry(func() error { _, err := unix.Write(fd, []byte(request)); return err })
	answer, n := make([]byte, 1<<12), 0
	testkit.Retry(func() (err error) { n, err = unix.Read(fd, answer); return err })
	return answer[:max(n, 0)]
}

// ours is a request of this process.
func ours(r wire.Request) wire.Request {
	r.Protocol, r.Client = wire.Protocol, os.Getpid()
	return r
}

// lineOf is a message as it is sent.
func lineOf(message any) string {
	line, err := wire.Lines(message)
	if err != nil {
		panic(err)
	}
	return string(line)
}

// control opens a control socket in a directory of its own.
func control(t testing.TB) socket.Socket {
	t.Helper()
	path := testkit.Directory(t) + "/systemfd/x.sock"
	testkit.Umask.Lock()
	defer testkit.Umask.Unlock()
	opened, err := OpenControl(path)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// serving is a holder inside this process, where the race detector sees it. It has nothing yet, and no guard.
func serving(t testing.TB) *server { return servingWithin(t, wire.StoreTime) }

// servingWithin is one that does not wait as long for a store.
func servingWithin(t testing.TB, storeTime time.Duration) *server {
	t.Helper()
	opened := control(t)
	s, err := newServer(opened.FD, opened.Path, "/where")
	if err != nil {
		t.Fatal(err)
	}
	s.storeTime = storeTime
	go s.accept(s.control)
	t.Cleanup(func() {
		s.mu.Lock()
		s.end()
		s.mu.Unlock()
		s.finish()
	})
	return s
}

// locked calls f while nothing changes.
func (s *server) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// await waits until isReady says yes. Nothing changes while that is called.
func (s *server) await(t testing.TB, what string, isReady func() bool) {
	t.Helper()
	testkit.Await(t, what, func() (is bool) {
		s.locked(func() { is = isReady() })
		return is
	})
}

// addresses returns which file is kept for each socket.
func (s *server) addresses(t testing.TB) map[string]uint64 {
	t.Helper()
	kept := map[string]uint64{}
	s.locked(func() {
		for n, it := range s.ledger.items {
			kept[it.bound.Address()] = testkit.Inode(t, s.kept[n].fd)
		}
	})
	return kept
}

// open opens what texts specify, until the test ends. Their paths are the holder's to remove.
func open(t testing.TB, texts ...string) (opened []*socket.Socket) {
	t.Helper()
	testkit.Umask.Lock()
	defer testkit.Umask.Unlock()
	for _, o := range testkit.Openings(t, texts...) {
		s, err := socket.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		opened = append(opened, &s)
	}
	t.Cleanup(func() { forget(opened) })
	return opened
}

// forget closes our copies, once.
func forget(opened []*socket.Socket) {
	for _, s := range opened {
		if s.FD >= 0 {
			s.Forget()
			s.FD = -1
		}
	}
}

// stores is what a client says of sockets.
func stores(opened ...*socket.Socket) (message wire.Store, fds []int) {
	for _, s := range opened {
		message.Sockets = append(message.Sockets, wire.Stored{Bound: s.Encode(), Device: s.File().Device, Inode: s.File().Inode})
		fds = append(fds, s.FD)
	}
	return message, fds
}

// client is one end of a conversation by hand. It may send what systemfd never would.
type client struct {
	*wire.Reader
	t  testing.TB
	fd int
}

// connect begins a conversation, which ends with the test at the latest.
func connect(t testing.TB, control string) *client {
	t.Helper()
	fd, err := dial(control)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{wire.NewReader(func(buf []byte) (n int, fds []int, err error) {
		err = testkit.Retry(func() (err error) { n, fds, err = socket.Receive(fd, buf); return err })
		return n, fds, err
	}), t, fd}
	t.Cleanup(c.close)
	return c
}

// dial connects. Nothing waits for ever on what it returns.
func dial(control string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	unix.CloseOnExec(fd)
	timeout := unix.NsecToTimeval(int64(testkit.Patience))
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout)
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout)
	if err := testkit.Retry(func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: control}) }); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (c *client) close() {
	if c.fd >= 0 {
		socket.CloseAll(c.Rest())
		unix.Close(c.fd)
		c.fd = -1
	}
}

// say writes text, with descriptors. The holder may have closed meanwhile.
func (c *client) say(text string, fds ...int) error {
	for ; len(text) > 0; fds = nil {
		n := 0
		if err := testkit.Retry(func() (err error) { n, err = socket.Send(c.fd, []byte(text), fds); return err }); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}

// sayOn says text again and again, until nobody listens or the test is over.
func (c *client) sayOn(text string) {
	for c.t.Context().Err() == nil && c.say(text) == nil {
		time.Sleep(10 * time.Millisecond)
	}
}

// send sends messages, and descriptors behind them.
func (c *client) send(fds []int, messages ...any) {
	c.t.Helper()
	text, err := wire.Lines(messages...)
	if err == nil {
		err = c.say(string(text))
	}
	for chunk := range slices.Chunk(fds, socket.MaxRights) {
		if err == nil {
			err = c.say("\x00", chunk...)
		}
	}
	if err != nil && !errors.Is(err, unix.EPIPE) { // a holder that refuses need not read on
		c.t.Fatal(err)
	}
}

// ask sends a request as this process.
func (c *client) ask(r wire.Request) {
	c.t.Helper()
	c.send(nil, ours(r))
}

// claim asks to keep what texts specify. The answer says what is missing: that is to be stored next.
func (c *client) claim(owner int, texts ...string) wire.Answer {
	c.t.Helper()
	c.ask(wire.Request{Op: wire.Claim, Owner: owner, Openings: encoded(c.t, texts...)})
	return c.answer()
}

// store sends sockets.
func (c *client) store(opened ...*socket.Socket) {
	c.t.Helper()
	message, fds := stores(opened...)
	c.send(fds, message)
}

// header reads the first line of an answer.
func (c *client) header() (h wire.Header) {
	c.t.Helper()
	if err := c.Line(&h); err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	if h.Protocol != wire.Protocol {
		c.t.Errorf("the holder speaks version %d", h.Protocol)
	}
	return h
}

// answer reads an answer without an error.
func (c *client) answer() (a wire.Answer) {
	c.t.Helper()
	if h := c.header(); h.Error != "" {
		c.t.Fatalf("refused: %s", h.Error)
	}
	if err := c.Line(&a); err != nil {
		c.t.Fatalf("half of an answer: %v", err)
	}
	return a
}

// ends checks that nothing more comes.
func (c *client) ends() {
	c.t.Helper()
	if err := c.Line(new(any)); !errors.Is(err, io.EOF) && !errors.Is(err, unix.ECONNRESET) {
		c.t.Errorf("the conversation goes on: %v", err)
	}
}

// asked has a conversation of one request and one answer.
func asked(t testing.TB, control string, r wire.Request) wire.Answer {
	t.Helper()
	c := connect(t, control)
	defer c.close()
	c.ask(r)
	return c.answer()
}

// keeps checks how many sockets a holder has.
func keeps(t testing.TB, control string, count int) {
	t.Helper()
	if a := asked(t, control, wire.Request{Op: wire.Status}); len(a.Sockets) != count {
		t.Errorf("the state is %+v", a)
	}
}

// encoded is how a request has what texts specify.
func encoded(t testing.TB, texts ...string) (all []string) {
	t.Helper()
	for _, o := range testkit.Openings(t, texts...) {
		all = append(all, o.Encode())
	}
	return all
}

// claimed has a conversation in which whatever is missing is opened, and returns what the owner has then.
func claimed(t testing.TB, control string, owner int, texts ...string) (bound []string) {
	t.Helper()
	c := connect(t, control)
	defer c.close()
	bound = c.claim(owner, texts...).Bound
	var opened []*socket.Socket
	for i := range bound {
		if bound[i] == "" {
			opened = append(opened, open(t, texts[i])...)
			bound[i] = opened[len(opened)-1].Encode()
		}
	}
	c.store(opened...)
	c.answer()
	forget(opened)
	return bound
}

// parsed is what is bound, as an opening.
func parsed(t testing.TB, bound string) spec.Opening {
	t.Helper()
	o, err := spec.ParseOpening(bound)
	if err != nil {
		t.Fatal(err)
	}
	return o
}
