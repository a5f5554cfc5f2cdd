//go:build unix

package daemon

import (
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/testkit"
)

// TestBrokenOff ends the conversation of a claim at every point: nothing changes, and everything is closed.
func TestBrokenOff(t *testing.T) {
	request := func(t *testing.T, c *client) {
		c.ask(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: encoded(t, "0", "udp::0")})
	}
	storing := func(t *testing.T, c *client) (line string, good []*socket.Socket, fds []int) {
		request(t, c)
		c.answer()
		good = open(t, "0", "udp::0")
		message, fds := stores(good...)
		text, err := wire.Lines(message)
		if err != nil {
			t.Fatal(err)
		}
		return string(text), good, fds
	}
	for name, until := range map[string]func(t *testing.T, c *client) []*socket.Socket{
		"connected": func(*testing.T, *client) []*socket.Socket { return nil },
		"half of a request": func(_ *testing.T, c *client) []*socket.Socket {
			c.say(`{"Protocol":2,"Op":"cl`)
			return nil
		},
		"a request": func(t *testing.T, c *client) []*socket.Socket {
			request(t, c)
			return nil
		},
		"have": func(t *testing.T, c *client) []*socket.Socket {
			request(t, c)
			c.answer()
			return nil
		},
		"half of the store": func(t *testing.T, c *client) []*socket.Socket {
			line, good, fds := storing(t, c)
			c.say(line[:10], fds[0])
			return good
		},
		"the store without descriptors": func(t *testing.T, c *client) []*socket.Socket {
			line, good, _ := storing(t, c)
			c.say(line)
			return good
		},
		"half of the descriptors": func(t *testing.T, c *client) []*socket.Socket {
			line, good, fds := storing(t, c)
			c.say(line)
			c.say("\x00", fds[0])
			return good
		},
	} {
		for _, isHalfClosed := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				undisturbed(t, func(s *server) {
					c := connect(t, s.path)
					good := until(t, c)
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

// TestBrokenOffAtTheEnd has a client that has stored everything, and is gone before anything of it is kept.
func TestBrokenOffAtTheEnd(t *testing.T) {
	undisturbed(t, func(s *server) {
		c := connect(t, s.path)
		good := open(t, "0")
		s.locked(func() {
			c.ask(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: encoded(t, "0")})
			testkit.Await(t, "the request to be read", func() bool { return len(s.slots) == 1 })
			message, fds := stores(good...)
			c.send(fds, message)
			c.close()
		})
		testkit.Await(t, "the conversation to be over", func() bool { return len(s.slots) == 0 })
		forget(good)
		testkit.AwaitClosed(t, parsed(t, good[0].Encode()))
	})
}

// TestNobodyAskedFor passes descriptors by the hundred if none, or fewer, are wanted.
func TestNobodyAskedFor(t *testing.T) {
	for name, say := range map[string]func(t *testing.T, c *client, good []*socket.Socket, many []int){
		"with the request": func(t *testing.T, c *client, _ []*socket.Socket, many []int) {
			text, err := wire.Lines(wire.Request{Protocol: wire.Protocol, Client: os.Getpid(), Op: wire.Status})
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range text {
				if c.say(string(b), many...) != nil {
					t.Fatal("the holder does not listen")
				}
			}
			if a := c.answer(); len(a.Sockets) != 1 {
				t.Errorf("the state is %+v", a)
			}
		},
		"with garbage": func(t *testing.T, c *client, _ []*socket.Socket, many []int) {
			c.say("garbage\n", many...)
			if h := c.header(); h.Error != "the message is malformed" {
				t.Errorf("refused: %+v", h)
			}
		},
		"without a line": func(t *testing.T, c *client, _ []*socket.Socket, many []int) {
			for range 5 {
				c.say(" ", many...)
			}
		},
		"with the store": func(t *testing.T, c *client, good []*socket.Socket, many []int) {
			c.ask(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: encoded(t, "0")})
			c.answer()
			message, fds := stores(good...)
			text, err := wire.Lines(message)
			if err != nil {
				t.Fatal(err)
			}
			c.say(string(text), append(fds, many[1:]...)...)
			if h := c.header(); h.Error != "" {
				t.Errorf("refused: %+v", h)
			}
		},
		"behind the store": func(t *testing.T, c *client, good []*socket.Socket, many []int) {
			c.ask(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: encoded(t, "0")})
			c.answer()
			message, fds := stores(good...)
			c.send(fds, message)
			for range 5 {
				c.say("\x00", many...)
			}
			if h := c.header(); h.Error != "" {
				t.Errorf("refused: %+v", h)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			undisturbed(t, func(s *server) {
				c := connect(t, s.path)
				good, many := open(t, "0"), make([]int, socket.MaxRights)
				for i := range many {
					many[i] = c.fd
				}
				say(t, c, good, many)
				c.close()
				forget(good)
				asked(t, s.path, wire.Request{Op: wire.Release, Owner: os.Getpid()})
				testkit.AwaitClosed(t, parsed(t, good[0].Encode()))
			})
		})
	}
}

// TestStoreIsLate has a client that never stores. Others are told at once that the holder is busy, and whoever changes
// nothing does not wait at all.
func TestStoreIsLate(t *testing.T) {
	t.Parallel()
	s := serving(t)
	bound := claimed(t, s.path, os.Getpid(), "0")
	slow := connect(t, s.path)
	slow.ask(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: encoded(t, "udp::0")})
	slow.answer()

	begin := time.Now()
	for _, texts := range [][]string{{"0"}, {"udp::0"}, {"1"}} {
		c := connect(t, s.path)
		c.ask(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: encoded(t, texts...)})
		if a := c.answer(); !a.Busy || a.Bound != nil || a.Kept != nil {
			t.Errorf("a claim of %v is answered %+v", texts, a)
		}
		c.ends()
	}
	if a := asked(t, s.path, wire.Request{Op: wire.Status}); len(a.Sockets) != 1 {
		t.Errorf("the state is %+v", a)
	}
	if a := asked(t, s.path, wire.Request{Op: wire.Fetch, Openings: bound}); len(a.Found) != 1 || a.Found[0] == nil {
		t.Errorf("fetched is %+v", a)
	}
	asked(t, s.path, wire.Request{Op: wire.Release, Owner: os.Getpid()})
	if took := time.Since(begin); took > wire.StoreTime/2 {
		t.Errorf("others waited %v", took)
	}
	slow.close()
	s.isOverOrFree(t)
}

// isOverOrFree waits until no claim is in conversation.
func (s *server) isOverOrFree(t *testing.T) {
	t.Helper()
	testkit.Await(t, "the conversation to be over", func() (is bool) {
		s.locked(func() { is = !s.talking })
		return is
	})
}

// TestStoreNeverComes: after a time that is refused, and the next claim works.
func TestStoreNeverComes(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]func(c *client){
		"silence":        func(*client) {},
		"half of a line": func(c *client) { c.say(`{"Sockets"`) },
		"no descriptors": func(c *client) { c.say(`{"Sockets":[{}]}` + "\n") },
		"text for ever": func(c *client) {
			for c.t.Context().Err() == nil && c.say(" ") == nil {
				time.Sleep(10 * time.Millisecond)
			}
		},
		"bytes for descriptors, for ever": func(c *client) {
			c.say(`{"Sockets":[{}]}` + "\n")
			for c.t.Context().Err() == nil && c.say("\x00") == nil {
				time.Sleep(10 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := servingWithin(t, 300*time.Millisecond)
			claimed(t, s.path, os.Getpid(), "0")
			c := connect(t, s.path)
			begin := time.Now()
			c.ask(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: encoded(t, "udp::0")})
			c.answer()
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
		})
	}
}
