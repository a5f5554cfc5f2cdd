//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// talk connects to a control socket and sends what a client should not.
func talk(t *testing.T, control, text string, fds ...int) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: control, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(testkit.Patience))
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	if text != "" {
		_, _, err = c.WriteMsgUnix([]byte(text), rights, nil)
	}
	if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
	return c
}

// status is a request that every holder answers.
var status = fmt.Sprintf(`{"Protocol":%d,"Op":"status","Client":%d}`+"\n", wire.Protocol, os.Getpid())

// isAnswered fails the test if a plain request has no answer at once.
func isAnswered(t *testing.T, control string) {
	t.Helper()
	start := time.Now()
	c := talk(t, control, status)
	defer c.Close()
	answer, err := io.ReadAll(c)
	if err != nil || !bytes.Contains(answer, []byte(`"Error":""`)) || time.Since(start) > 1500*time.Millisecond {
		t.Errorf("the next client is answered %q, %v after %v", answer, err, time.Since(start))
	}
}

// ask is a request of ours to a holder.
func ask(fields string) string {
	return fmt.Sprintf(`{"Protocol":%d,"Client":%d,%s}`+"\n", wire.Protocol, os.Getpid(), fields)
}

// hostileClients do something to a control socket.
var hostileClients = map[string]func(t *testing.T, control string){
	"sends nothing":         refused("no request within 2s", ""),
	"hangs up":              func(t *testing.T, control string) { talk(t, control, "").Close() },
	"half a request":        refused("no request within 2s", status[:12]),
	"garbage":               refused("the message is malformed", "\x00\xff\n\n"),
	"HTTP":                  refused("the message is malformed", "GET / HTTP/1.1\r\n\r\n"),
	"an array":              refused("the message is malformed", "[1]\n"),
	"numbers too large":     refused("the message is malformed", ask(`"Op":"release","Owner":1e99`)),
	"another version":       refused("the holder speaks version 2 of the protocol, this systemfd version 1", `{"Protocol":1,"Op":"stop"}`+"\n"),
	"no version":            refused("the holder speaks version 2 of the protocol, this systemfd version 0", `{"Op":"stop"}`+"\n"),
	"another process":       refused("process 1 is process ", fmt.Sprintf(`{"Protocol":%d,"Client":1,"Op":"fetch"}`+"\n", wire.Protocol)),
	"no end":                endlessClient,
	"descriptors":           sendDescriptors,
	"nobody's sockets":      askForNothing,
	"claims and goes":       claimAndGo,
	"ten thousand requests": askOften,
}

// refused is a client that sends a text and is told why that is wrong.
func refused(want, text string) func(t *testing.T, control string) {
	return func(t *testing.T, control string) { isRefused(t, control, talk(t, control, text), want) }
}

func endlessClient(t *testing.T, control string) {
	c := talk(t, control, "")
	for range 40 {
		c.Write(bytes.Repeat([]byte(" "), 1<<16))
	}
	isRefused(t, control, c, "the message is too large")
}

func sendDescriptors(t *testing.T, control string) {
	for range 20 {
		c := talk(t, control, status, 0, 1, 2)
		io.Copy(io.Discard, c)
		c.Close()
	}
	talk(t, control, "x", 0, 1, 2) // and no end of the line
}

func askForNothing(t *testing.T, control string) {
	for fields, want := range map[string]string{
		`"Op":"fetch","Openings":["tcp::127.0.0.1:1"]`: "", // it is missing, and that is the answer
		`"Op":"fetch","Openings":["no::thing"]`:        `unknown type`,
		`"Op":"claim","Openings":["tcp::1~x"]`:         `bad option`,
		`"Op":"release","Owner":0`:                     "",
		`"Op":"release","Owner":-1`:                    "",
		`"Op":"dance"`:                                 `unknown request`,
	} {
		isRefused(t, control, talk(t, control, ask(fields)), want)
	}
}

func claimAndGo(t *testing.T, control string) {
	for _, owner := range []int{-7, 0, os.Getpid()} {
		c := talk(t, control, ask(fmt.Sprintf(`"Op":"claim","Owner":%d,"Openings":["tcp::127.0.0.1:0"]`, owner)))
		bufio.NewReader(c).ReadString('}')
		c.Close()
	}
}

// askOften makes 10,000 requests, 8 at a time.
func askOften(t *testing.T, control string) {
	requests := []string{status, ask(`"Op":"fetch","Pass":true,"Openings":["udp::127.0.0.1:0"]`)}
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			for range 1250 {
				c, err := net.Dial("unix", control)
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(c, requests[i%2])
				if answer, err := io.ReadAll(c); err != nil || !bytes.Contains(answer, []byte(`"Error":""`)) {
					t.Errorf("got %q, %v", answer, err)
				}
				c.Close()
			}
		})
	}
	clients.Wait()
}

// TestHostileClients: a holder survives them without losing a descriptor. Clients that are still there are told what is wrong.
func TestHostileClients(t *testing.T) {
	t.Parallel()
	for name, attack := range hostileClients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "another process" {
				needPeers(t)
			}
			p := testkit.NewProject(t)
			owner, end := testkit.Owner(t)
			environ := p.MustKeep(owner, "-s", "127.0.0.1:0")
			keeper := p.Holder()
			checkSurvives(p, environ, attack)
			if held := p.Held(); p.Holder() != keeper || len(held) != 1 || len(held[0].Owners) != 1 || held[0].Owners[0].PID != owner {
				t.Errorf("process %d was the holder; now held is %+v", keeper, held)
			}
			end()
			p.AwaitNothing()
		})
	}
}

// needPeers skips the test if a holder cannot detect a client that claims to be another process.
func needPeers(t *testing.T) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	if pid, _, err := process.Peer(pair[0]); err != nil || pid != os.Getpid() {
		t.Skip("this system does not tell the process at the other end of a unix socket")
	}
}

// checkSurvives attacks the holder: others get its sockets all the same, and it has no more descriptors than before.
func checkSurvives(p *testkit.Project, environ []string, attack func(t *testing.T, control string)) {
	p.T.Helper()
	control := testkit.Variable(p.T, environ, "SYSTEMFD_HOLDER")
	keeper := p.Holder()
	isAnswered(p.T, control) // the runtime's own descriptors are there from now on
	before := len(testkit.OpenFiles(p.T, keeper))

	attack(p.T, control)
	isAnswered(p.T, control)
	checkPassed(p, environ)
	testkit.Await(p.T, fmt.Sprintf("the holder to have %d descriptors again", before), func() bool {
		return len(testkit.OpenFiles(p.T, keeper)) <= before
	})
}

// isRefused waits for the answer, which has to say why there is none; want is "" for one without an error. Meanwhile
// others are answered.
func isRefused(t *testing.T, control string, c *net.UnixConn, want string) {
	t.Helper()
	isAnswered(t, control)
	answer, err := io.ReadAll(c)
	var header wire.Header
	line, _, _ := bytes.Cut(answer, []byte("\n"))
	jsonErr := json.Unmarshal(line, &header)
	says := strings.Contains(header.Error, want) && (want != "" || header.Error == "")
	if jsonErr != nil || header.Protocol != wire.Protocol || !says {
		t.Errorf("got %q, %v; want %q", answer, err, want)
	}
	c.Close()
}
