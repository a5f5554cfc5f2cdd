//go:build unix

package daemon

import (
	"maps"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/testkit"
)

// undisturbed calls f with a holder that keeps something. After f, the holder keeps the same and nothing else, and no descriptor is left
// open. It is for tests that are not parallel.
func undisturbed(t *testing.T, f func(s *server)) {
	t.Helper()
	before := testkit.Descriptors(t)
	s := serving(t)
	claimed(t, s.path, process.Init, "unix::"+testkit.Directory(t)+"/kept")
	kept := s.addresses(t)
	f(s)
	s.await(t, "the conversations to be over", func() bool { // one may not even have begun
		return !s.talking && len(s.ledger.claims) == 1
	})
	if got := s.addresses(t); !maps.Equal(got, kept) {
		t.Errorf("kept are %v, not %v", got, kept)
	}
	s.locked(func() {
		if s.ending {
			t.Error("the holder ends")
		}
	})
	asked(t, s.path, wire.Request{Op: wire.Release, Owner: process.Init})
	s.isOver(t)
	testkit.Await(t, "all descriptors to be closed", func() bool { return testkit.Descriptors(t) <= before })
}

// raw is a stream socket that is not made as systemfd makes them: it is bound, unless sa is nil, and does not listen.
func raw(t *testing.T, family int, sa unix.Sockaddr) *socket.Socket {
	t.Helper()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err == nil && sa != nil {
		err = unix.Bind(fd, sa)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &socket.Socket{FD: fd}
}

// maker makes something to be stored. What it makes at a path has that path.
type maker func(t *testing.T, path string) *socket.Socket

// opens makes what systemfd makes. PATH in text is the path.
func opens(text string) maker {
	return func(t *testing.T, path string) *socket.Socket {
		t.Helper()
		return open(t, strings.ReplaceAll(text, "PATH", path))[0]
	}
}

// then changes what a maker makes.
func (m maker) then(change func(s *socket.Socket)) maker {
	return func(t *testing.T, path string) *socket.Socket {
		t.Helper()
		s := m(t, path)
		change(s)
		return s
	}
}

func shutDown(s *socket.Socket)     { unix.Shutdown(s.FD, unix.SHUT_RDWR) }
func removePath(s *socket.Socket)   { os.Remove(s.Path) }
func callUDP(s *socket.Socket)      { s.Type = "udp" }
func callRelative(s *socket.Socket) { s.Path = "./a" }

// file opens something that is no socket.
func file(name string) maker {
	return func(t *testing.T, _ string) *socket.Socket {
		t.Helper()
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		return &socket.Socket{FD: fd}
	}
}

func pipe(t *testing.T, _ string) *socket.Socket {
	t.Helper()
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		t.Fatal(err)
	}
	unix.Close(ends[1])
	return &socket.Socket{FD: ends[0]}
}

func connection(t *testing.T, _ string) *socket.Socket {
	t.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(ends[1])
	return &socket.Socket{FD: ends[0]}
}

func notBound(t *testing.T, _ string) *socket.Socket {
	t.Helper()
	return raw(t, unix.AF_INET, nil)
}

func notListening(t *testing.T, _ string) *socket.Socket {
	t.Helper()
	return raw(t, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
}

func unixShutDown(t *testing.T, path string) *socket.Socket {
	t.Helper()
	if !testkit.LinuxSockets {
		t.Skip("only Linux tells")
	}
	return opens("unix::PATH").then(shutDown)(t, path)
}

const (
	tcp  = "tcp::127.0.0.1:0"
	tcp1 = "tcp::127.0.0.1:1"
)

// storeIsVerifiedTest has PATH in its texts for a path of its own.
type storeIsVerifiedTest struct {
	name   string
	wanted string
	store  maker
	lie    wire.Stored // what the client says of its form or of its file, unless it is true
	want   string
}

// truth is no lie.
var truth wire.Stored

func says(bound string) wire.Stored { return wire.Stored{Bound: bound} }

var storeIsVerifiedTests = []storeIsVerifiedTest{
	{"a file", tcp, file("/dev/null"), says(tcp1), "the descriptor for 127.0.0.1:1 is "},
	{"a directory", tcp, file("/"), says(tcp1), "the descriptor for 127.0.0.1:1 is "},
	{"a pipe", tcp, pipe, says(tcp1), "the descriptor for 127.0.0.1:1 is "},
	{"a connection", "unix::PATH", connection, says("unix::PATH"), "the descriptor for PATH is a unix stream socket"},
	{"bound elsewhere", tcp, opens(tcp), says(tcp1), "the descriptor for 127.0.0.1:1 is 127.0.0.1:"},
	{"not bound", tcp, notBound, says(tcp), "the descriptor for 127.0.0.1:0 is an inet stream socket, neither listening nor connected"},
	{"not listening", tcp, notListening, says(tcp), "the descriptor for 127.0.0.1:0 is an inet stream socket, neither listening nor connected"},
	{"shut down", tcp, opens(tcp).then(shutDown), truth, "is an inet stream socket, neither listening nor connected"},
	{"a unix listener, shut down", "unix::PATH", unixShutDown, truth, "the descriptor for PATH is a unix stream socket listener, shut down"},
	{"another transport", tcp, opens("udp::0"), truth, "127.0.0.1:0 (tcp listener) was wanted, and 127.0.0.1:"},
	{"another family", tcp, opens("unix::PATH"), truth, "127.0.0.1:0 (tcp listener) was wanted, and PATH (unix listener) stored"},
	{"another address", "127.0.0.2:0", opens(tcp), truth, "127.0.0.2:0 (tcp listener) was wanted, and 127.0.0.1:"},
	{"another path", "unix::PATH", opens("unix::PATHx"), truth, "PATH (unix listener) was wanted, and PATHx (unix listener) stored"},
	{"the type is a lie", "udp::0", opens(tcp).then(callUDP), truth, "the descriptor for 127.0.0.1:"},
	{"another inode", "unix::PATH", opens("unix::PATH"), wire.Stored{Device: 1, Inode: 1}, `"PATH" is not the file that was made for the socket`},
	{"a path that is gone", "unix::PATH", opens("unix::PATH").then(removePath), truth, `"PATH" is not the file that was made for the socket`},
	{"a path that is relative", "unix::PATH", opens("unix::PATH").then(callRelative), truth, "the descriptor for ./a is PATH (unix listener)"},
	{"not to be read", tcp, opens(tcp), says("nothing"), `"nothing": `},
}

// TestStoreIsVerified is not parallel: it counts descriptors.
func TestStoreIsVerified(t *testing.T) {
	for _, test := range storeIsVerifiedTests {
		t.Run(test.name, func(t *testing.T) {
			undisturbed(t, func(s *server) { test.check(t, s) })
		})
	}
}

func (test storeIsVerifiedTest) check(t *testing.T, s *server) {
	path := testkit.Directory(t) + "/a"
	at := strings.NewReplacer("PATH", path)
	c := connect(t, s.path)
	c.claim(os.Getpid(), at.Replace(test.wanted))
	stored := test.store(t, path)
	message, fds := stores(stored)
	if test.lie.Bound != "" {
		message.Sockets[0].Bound = at.Replace(test.lie.Bound)
	}
	if test.lie.Inode != 0 {
		message.Sockets[0].Device, message.Sockets[0].Inode = test.lie.Device, test.lie.Inode
	}
	c.send(fds, message)
	if h, want := c.header(), at.Replace(test.want); !strings.Contains(h.Error, want) {
		t.Errorf("refused: %q; want %q", h.Error, want)
	}
	c.ends()
	c.close()
	forget([]*socket.Socket{stored})
}

var storeIsWholeTests = []struct {
	name string
	send func(c *client, good []*socket.Socket)
	want string
}{
	{"too few", func(c *client, good []*socket.Socket) {
		message, _ := stores(good[0])
		c.send(nil, message)
		c.say("\x00", good[0].FD) // to nobody, perhaps
	}, "2 sockets are missing, and 1 were stored"},
	{"too many", func(c *client, good []*socket.Socket) {
		message, fds := stores(good[0], good[1], good[1])
		c.say(lineOf(message), fds...)
	}, "2 sockets are missing, and 3 were stored"},
	{"none", func(c *client, _ []*socket.Socket) {
		c.store()
	}, "2 sockets are missing, and 0 were stored"},
	{"the second is wrong", func(c *client, good []*socket.Socket) {
		c.store(good[0], good[0])
	}, "127.0.0.1:0 (udp) was wanted, and 127.0.0.1:"},
	{"in the other order", func(c *client, good []*socket.Socket) {
		message, fds := stores(good...)
		c.send([]int{fds[1], fds[0]}, message)
	}, "the descriptor for 127.0.0.1:"},
	{"malformed", func(c *client, good []*socket.Socket) {
		c.say(`{"Sockets":1}`+"\n", good[0].FD, good[1].FD)
	}, "the message is malformed"},
	{"too large", func(c *client, good []*socket.Socket) {
		c.say(strings.Repeat(" ", wire.MaxText+1<<16), good[0].FD)
	}, "the message is too large"},
}

// TestStoreIsWhole stores other than what was asked for: nothing of it is kept.
func TestStoreIsWhole(t *testing.T) {
	texts := []string{"127.0.0.1:0", "udp::127.0.0.1:0"}
	for _, test := range storeIsWholeTests {
		t.Run(test.name, func(t *testing.T) {
			undisturbed(t, func(s *server) {
				c := connect(t, s.path)
				c.claim(os.Getpid(), texts...)
				good := open(t, texts...)
				test.send(c, good)
				if h := c.header(); !strings.HasPrefix(h.Error, test.want) {
					t.Errorf("refused: %q; want %q", h.Error, test.want)
				}
				c.ends()
				c.close()
				forget(good)
				testkit.AwaitClosed(t, parsed(t, good[0].Encode()))
			})
		})
	}
}
