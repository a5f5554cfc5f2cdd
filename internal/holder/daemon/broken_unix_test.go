//go:build unix

package daemon

import (
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/testkit"
)

// brokenOff does what a client does before it breaks off. It returns the sockets that the client has opened.
var brokenOff = map[string]func(c *client) []*socket.Socket{
	"connected": func(*client) []*socket.Socket { return nil },
	"half of a request": func(c *client) []*socket.Socket {
		c.say(`{"Protocol":2,"Op":"cl`)
		return nil
	},
	"a request": func(c *client) []*socket.Socket {
		c.ask(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: encoded(c.t, "0", "udp::0")})
		return nil
	},
	"have": func(c *client) []*socket.Socket {
		c.claim(os.Getpid(), "0", "udp::0")
		return nil
	},
	"half of the store": func(c *client) []*socket.Socket {
		good, line, fds := c.toStore()
		c.say(line[:10], fds[0])
		return good
	},
	"the store without descriptors": func(c *client) []*socket.Socket {
		good, line, _ := c.toStore()
		c.say(line)
		return good
	},
	"half of the descriptors": func(c *client) []*socket.Socket {
		good, line, fds := c.toStore()
		c.say(line)
		c.say("\x00", fds[0])
		return good
	},
}

// toStore claims two sockets, and opens them: line and fds are to be sent next.
func (c *client) toStore() (good []*socket.Socket, line string, fds []int) {
	c.t.Helper()
	c.claim(os.Getpid(), "0", "udp::0")
	good = open(c.t, "0", "udp::0")
	message, fds := stores(good...)
	return good, lineOf(message), fds
}

// TestBrokenOff ends the conversation of a claim at every point: nothing changes, and everything is closed.
func TestBrokenOff(t *testing.T) {
	for name, until := range brokenOff {
		for _, isHalfClosed := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				undisturbed(t, func(s *server) {
					c := connect(t, s.path)
					good := until(c)
					forget(good)
					if isHalfClosed {
						unix.Shutdown(c.fd, unix.SHUT_WR)
						for c.Line(new(any)) == nil { // an answer that was under way
						}
					}
					c.close()
					if len(good) > 0 {
						testkit.AwaitClosed(t, parsed(t, good[0].Encode()))
					}
				})
			})
		}
	}
}

// TestBrokenOffAtTheEnd has a client that stores everything, and is gone before any of it is kept.
func TestBrokenOffAtTheEnd(t *testing.T) {
	undisturbed(t, func(s *server) {
		c := connect(t, s.path)
		good := open(t, "0")
		s.locked(func() {
			c.ask(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: encoded(t, "0")})
			testkit.Await(t, "the request to be read", func() bool { return len(s.slots) == 1 })
			c.store(good...)
			c.close()
		})
		testkit.Await(t, "the conversation to be over", func() bool { return len(s.slots) == 0 })
		forget(good)
		testkit.AwaitClosed(t, parsed(t, good[0].Encode()))
	})
}

// nobodyAskedFor is how a client passes many descriptors, with good ones perhaps.
var nobodyAskedFor = map[string]func(c *client, good *socket.Socket, many []int){
	"with the request": func(c *client, _ *socket.Socket, many []int) {
		for _, b := range []byte(lineOf(ours(wire.Request{Op: wire.Status}))) {
			if c.say(string(b), many...) != nil {
				c.t.Fatal("the holder does not listen")
			}
		}
		if a := c.answer(); len(a.Sockets) != 1 {
			c.t.Errorf("the state is %+v", a)
		}
	},
	"with garbage": func(c *client, _ *socket.Socket, many []int) {
		c.say("garbage\n", many...)
		if h := c.header(); h.Error != "the message is malformed" {
			c.t.Errorf("refused: %+v", h)
		}
	},
	"without a line": func(c *client, _ *socket.Socket, many []int) {
		for range 5 {
			c.say(" ", many...)
		}
	},
	"with the store": func(c *client, good *socket.Socket, many []int) {
		c.claim(os.Getpid(), "0")
		message, fds := stores(good)
		c.say(lineOf(message), append(fds, many[1:]...)...)
		c.answer()
	},
	"behind the store": func(c *client, good *socket.Socket, many []int) {
		c.claim(os.Getpid(), "0")
		c.store(good)
		for range 5 {
			c.say("\x00", many...)
		}
		c.answer()
	},
}

// TestNobodyAskedFor passes descriptors by the hundred if none, or fewer, are wanted.
func TestNobodyAskedFor(t *testing.T) {
	for name, say := range nobodyAskedFor {
		t.Run(name, func(t *testing.T) {
			undisturbed(t, func(s *server) {
				c, good := connect(t, s.path), open(t, "0")
				say(c, good[0], slices.Repeat([]int{c.fd}, socket.MaxRights))
				c.close()
				forget(good)
				asked(t, s.path, wire.Request{Op: wire.Release, Owner: os.Getpid()})
				testkit.AwaitClosed(t, parsed(t, good[0].Encode()))
			})
		})
	}
}

// TestStoreIsLate has a client that never stores. Other claims are told at once that the holder is busy. Requests that change nothing do
// not wait at all.
func TestStoreIsLate(t *testing.T) {
	t.Parallel()
	s := serving(t)
	bound := claimed(t, s.path, os.Getpid(), "0")
	slow := connect(t, s.path)
	slow.claim(os.Getpid(), "udp::0")

	begin := time.Now()
	for _, text := range []string{"0", "udp::0", "1"} {
		isBusy(t, s.path, text)
	}
	keeps(t, s.path, 1)
	if a := asked(t, s.path, wire.Request{Op: wire.Fetch, Openings: bound}); len(a.Found) != 1 || a.Found[0] == nil {
		t.Errorf("fetched is %+v", a)
	}
	asked(t, s.path, wire.Request{Op: wire.Release, Owner: os.Getpid()})
	if took := time.Since(begin); took > wire.StoreTime/2 {
		t.Errorf("others waited %v", took)
	}
	slow.close()
	s.await(t, "the conversation to be over", func() bool { return !s.talking })
}

// isBusy checks that a claim is put off, and told nothing.
func isBusy(t *testing.T, control, text string) {
	t.Helper()
	c := connect(t, control)
	if a := c.claim(os.Getpid(), text); !a.Busy || a.Bound != nil || a.Kept != nil {
		t.Errorf("a claim of %q is answered %+v", text, a)
	}
	c.ends()
}

// neverStored is what a client says instead of a store.
var neverStored = map[string]func(c *client){
	"silence":        func(*client) {},
	"half of a line": func(c *client) { c.say(`{"Sockets"`) },
	"no descriptors": func(c *client) { c.say(`{"Sockets":[{}]}` + "\n") },
	"text for ever":  func(c *client) { c.sayOn(" ") },
	"bytes for descriptors, for ever": func(c *client) {
		c.say(`{"Sockets":[{}]}` + "\n")
		c.sayOn("\x00")
	},
}

// TestStoreNeverComes: after a time the claim is refused, and the next one works.
func TestStoreNeverComes(t *testing.T) {
	t.Parallel()
	for name, say := range neverStored {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkNeverStored(t, say)
		})
	}
}

func checkNeverStored(t *testing.T, say func(c *client)) {
	s := servingWithin(t, 300*time.Millisecond)
	claimed(t, s.path, os.Getpid(), "0")
	c := connect(t, s.path)
	begin := time.Now()
	c.claim(os.Getpid(), "udp::0")
	var said sync.WaitGroup
	said.Go(func() { say(c) })
	t.Cleanup(said.Wait)
	if h := c.header(); h.Error != "the sockets were not stored within 300ms" {
		t.Errorf("refused: %+v", h)
	}
	if took := time.Since(begin); took < s.storeTime || took > 10*s.storeTime {
		t.Errorf("it took %v", took)
	}
	c.ends()
	if bound := claimed(t, s.path, os.Getpid(), "udp::0"); len(s.addresses(t)) != 1 {
		t.Errorf("bound %v, kept %v", bound, s.addresses(t))
	}
}
