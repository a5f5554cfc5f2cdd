package proxy

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// pair returns the two ends of a TCP connection.
func pair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	far = testkit.DialAny(t, "tcp", l.Addr().String()).(*net.TCPConn)
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	return accepted.(*net.TCPConn), far
}

// joined returns a client and a server that are joined, and when the server has answered and the join is over.
func joined(t *testing.T) (client, server *net.TCPConn, answered, over chan struct{}) {
	t.Helper()
	ours, client := pair(t)
	upstream, server := pair(t)
	answered, over = make(chan struct{}), make(chan struct{})
	go func() {
		join(ours, upstream, func() { close(answered) })
		close(over)
	}()
	return client, server, answered, over
}

// say writes text, and ends this direction.
func say(t *testing.T, c *net.TCPConn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Error(err)
	}
	c.CloseWrite()
}

// hears checks what comes until the end.
func hears(t *testing.T, c net.Conn, want string) {
	t.Helper()
	if got := testkit.ReadAll(t, c); got != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

// TestHalfClose: who has said everything may still hear the other side, whoever is first.
func TestHalfClose(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	for _, isClientFirst := range []bool{true, false} {
		client, server, answered, over := joined(t)
		first, second := client, server
		if !isClientFirst {
			first, second = server, client
		}
		go say(t, first, long)
		hears(t, second, long)
		go say(t, second, "answer")
		hears(t, first, "answer")
		<-answered
		<-over
	}
}

// TestReset: a reset of one side is one of the other.
func TestReset(t *testing.T) {
	t.Parallel()
	for _, isClient := range []bool{true, false} {
		client, server, _, over := joined(t)
		from, to := client, server
		if !isClient {
			from, to = server, client
		}
		if _, err := io.WriteString(client, "question"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(server, make([]byte, len("question"))); err != nil {
			t.Fatal(err)
		}
		from.SetLinger(0)
		from.Close()
		if _, err := io.ReadAll(to); err == nil {
			t.Errorf("of the client: %v; the other side finds %v", isClient, err)
		}
		<-over
	}
}

// TestSilentClient: who hangs up before a word is dropped.
func TestSilentClient(t *testing.T) {
	t.Parallel()
	client, server, _, over := joined(t)
	client.Close()
	if n, _ := io.Copy(io.Discard, server); n != 0 {
		t.Errorf("the server gets %d bytes", n)
	}
	<-over
}

// TestAnswerBeforeEnd: a server that does not read on, and ends, has its answer heard.
func TestAnswerBeforeEnd(t *testing.T) {
	t.Parallel()
	client, server, answered, over := joined(t)
	io.WriteString(client, "question")
	io.ReadFull(server, make([]byte, len("question")))
	say(t, server, "answer")
	<-answered
	server.Close()
	hears(t, client, "answer")
	for range 2 { // the second one finds that nobody listens
		io.WriteString(client, "more")
	}
	client.Close()
	<-over
}
