//go:build unix

package daemon

import (
	"maps"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/testkit"
)

// undisturbed calls f with a holder that keeps something. Whatever f does, that goes on to be kept, nothing else is, and
// no descriptor stays open. It is for tests that are not parallel.
func undisturbed(t *testing.T, f func(s *server)) {
	t.Helper()
	before := testkit.Descriptors(t)
	s := serving(t)
	claimed(t, s.path, process.Init, "unix::"+testkit.Directory(t)+"/kept")
	kept := s.addresses(t)
	f(s)
	testkit.Await(t, "the conversations to be over", func() (is bool) { // one may not even have begun
		s.locked(func() { is = !s.talking && len(s.ledger.claims) == 1 })
		return is
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

// raw is a socket that is not made as systemfd makes them.
func raw(t *testing.T, family, sotype int, sa unix.Sockaddr, listens bool) *socket.Socket {
	t.Helper()
	fd, err := unix.Socket(family, sotype, 0)
	if err == nil && sa != nil {
		err = unix.Bind(fd, sa)
	}
	if err == nil && listens {
		err = unix.Listen(fd, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &socket.Socket{FD: fd}
}

// file opens something that is no socket.
func file(t *testing.T, path string) *socket.Socket {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &socket.Socket{FD: fd}
}

// TestStoreIsVerified is not parallel: it counts descriptors.
func TestStoreIsVerified(t *testing.T) {
	tcp, dir := "tcp::127.0.0.1:0", testkit.Directory(t)
	path := dir + "/a"
	loopback := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	claimsToBe := func(s *socket.Socket, bound string) *socket.Socket {
		s.Opening = parsed(t, bound)
		return s
	}
	tests := []struct {
		name   string
		wanted string
		store  func(t *testing.T) *socket.Socket
		lie    *wire.Stored // what the client says of its form or of its file, unless it is true
		want   string
	}{
		{"a file", tcp, func(t *testing.T) *socket.Socket { return claimsToBe(file(t, "/dev/null"), "tcp::127.0.0.1:1") }, nil, "the descriptor for 127.0.0.1:1 is "},
		{"a directory", tcp, func(t *testing.T) *socket.Socket { return claimsToBe(file(t, "/"), "tcp::127.0.0.1:1") }, nil, "the descriptor for 127.0.0.1:1 is "},
		{"a pipe", tcp, func(t *testing.T) *socket.Socket {
			var ends [2]int
			if err := unix.Pipe(ends[:]); err != nil {
				t.Fatal(err)
			}
			unix.Close(ends[1])
			return claimsToBe(&socket.Socket{FD: ends[0]}, "tcp::127.0.0.1:1")
		}, nil, "the descriptor for 127.0.0.1:1 is "},
		{"a connection", "unix::" + path, func(t *testing.T) *socket.Socket {
			ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			unix.Close(ends[1])
			return claimsToBe(&socket.Socket{FD: ends[0]}, "unix::"+path)
		}, nil, `the descriptor for ` + path + ` is a unix stream socket`},
		{"bound elsewhere", tcp, func(t *testing.T) *socket.Socket { return claimsToBe(open(t, tcp)[0], "tcp::127.0.0.1:1") }, nil, "the descriptor for 127.0.0.1:1 is 127.0.0.1:"},
		{"not bound", tcp, func(t *testing.T) *socket.Socket {
			return claimsToBe(raw(t, unix.AF_INET, unix.SOCK_STREAM, nil, false), tcp)
		}, nil, "the descriptor for 127.0.0.1:0 is an inet stream socket, neither listening nor connected"},
		{"not listening", tcp, func(t *testing.T) *socket.Socket {
			return claimsToBe(raw(t, unix.AF_INET, unix.SOCK_STREAM, loopback, false), tcp)
		}, nil, "the descriptor for 127.0.0.1:0 is an inet stream socket, neither listening nor connected"},
		{"shut down", tcp, func(t *testing.T) *socket.Socket {
			s := open(t, tcp)[0]
			unix.Shutdown(s.FD, unix.SHUT_RDWR)
			return s
		}, nil, "is an inet stream socket, neither listening nor connected"},
		{"a unix listener, shut down", "unix::" + path, func(t *testing.T) *socket.Socket {
			if runtime.GOOS != "linux" {
				t.Skip("only Linux tells")
			}
			s := open(t, "unix::"+path)[0]
			unix.Shutdown(s.FD, unix.SHUT_RDWR)
			return s
		}, nil, `the descriptor for ` + path + ` is a unix stream socket listener, shut down`},
		{"another transport", tcp, func(t *testing.T) *socket.Socket { return open(t, "udp::0")[0] }, nil, "127.0.0.1:0 (tcp listener) was wanted, and 127.0.0.1:"},
		{"another family", tcp, func(t *testing.T) *socket.Socket { return open(t, "unix::"+path)[0] }, nil, "127.0.0.1:0 (tcp listener) was wanted, and " + path + " (unix listener) stored"},
		{"another address", "127.0.0.2:0", func(t *testing.T) *socket.Socket { return open(t, tcp)[0] }, nil, "127.0.0.2:0 (tcp listener) was wanted, and 127.0.0.1:"},
		{"another path", "unix::" + path, func(t *testing.T) *socket.Socket { return open(t, "unix::"+path+"x")[0] }, nil, path + " (unix listener) was wanted, and " + path + "x (unix listener) stored"},
		{"the type is a lie", "udp::0", func(t *testing.T) *socket.Socket {
			s := open(t, tcp)[0]
			s.Type = "udp"
			return s
		}, nil, "the descriptor for 127.0.0.1:"},
		{"another inode", "unix::" + path, func(t *testing.T) *socket.Socket { return open(t, "unix::"+path)[0] }, &wire.Stored{Device: 1, Inode: 1}, `"` + path + `" is not the file that was made for the socket`},
		{"a path that is gone", "unix::" + path, func(t *testing.T) *socket.Socket {
			s := open(t, "unix::"+path)[0]
			os.Remove(path)
			return s
		}, nil, `"` + path + `" is not the file that was made for the socket`},
		{"a path that is relative", "unix::" + path, func(t *testing.T) *socket.Socket {
			s := open(t, "unix::"+path)[0]
			s.Path = "./a"
			return s
		}, nil, "the descriptor for ./a is " + path + " (unix listener)"},
		{"not to be read", tcp, func(t *testing.T) *socket.Socket { return open(t, tcp)[0] }, &wire.Stored{Bound: "nothing"}, `"nothing": `},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			undisturbed(t, func(s *server) {
				c := connect(t, s.path)
				c.ask(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: encoded(t, test.wanted)})
				c.answer()
				stored := test.store(t)
				message, fds := stores(stored)
				switch lie := test.lie; {
				case lie == nil:
				case lie.Bound != "":
					message.Sockets[0].Bound = lie.Bound
				default:
					message.Sockets[0].Device, message.Sockets[0].Inode = lie.Device, lie.Inode
				}
				c.send(fds, message)
				if h := c.header(); !strings.Contains(h.Error, test.want) {
					t.Errorf("refused: %q; want %q", h.Error, test.want)
				}
				c.ends()
				c.close()
				forget([]*socket.Socket{stored})
			})
		})
	}
}

// TestStoreIsWhole stores other than what was asked for: nothing of it is kept.
func TestStoreIsWhole(t *testing.T) {
	texts := []string{"127.0.0.1:0", "udp::127.0.0.1:0"}
	tests := []struct {
		name string
		send func(t *testing.T, c *client, good []*socket.Socket)
		want string
	}{
		{"too few", func(t *testing.T, c *client, good []*socket.Socket) {
			message, _ := stores(good[0])
			c.send(nil, message)
			c.say("\x00", good[0].FD) // to nobody, perhaps
		}, "2 sockets are missing, and 1 were stored"},
		{"too many", func(t *testing.T, c *client, good []*socket.Socket) {
			message, fds := stores(good[0], good[1], good[1])
			text, _ := wire.Lines(message)
			c.say(string(text), fds...)
		}, "2 sockets are missing, and 3 were stored"},
		{"none", func(t *testing.T, c *client, _ []*socket.Socket) {
			c.send(nil, wire.Store{})
		}, "2 sockets are missing, and 0 were stored"},
		{"the second is wrong", func(t *testing.T, c *client, good []*socket.Socket) {
			message, fds := stores(good[0], good[0])
			c.send(fds, message)
		}, "127.0.0.1:0 (udp) was wanted, and 127.0.0.1:"},
		{"in the other order", func(t *testing.T, c *client, good []*socket.Socket) {
			message, fds := stores(good...)
			c.send([]int{fds[1], fds[0]}, message)
		}, "the descriptor for 127.0.0.1:"},
		{"malformed", func(t *testing.T, c *client, good []*socket.Socket) {
			c.say(`{"Sockets":1}`+"\n", good[0].FD, good[1].FD)
		}, "the message is malformed"},
		{"too large", func(t *testing.T, c *client, good []*socket.Socket) {
			c.say(strings.Repeat(" ", wire.MaxText+1<<16), good[0].FD)
		}, "the message is too large"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			undisturbed(t, func(s *server) {
				c := connect(t, s.path)
				c.ask(wire.Request{Op: wire.Claim, Owner: os.Getpid(), Openings: encoded(t, texts...)})
				c.answer()
				good := open(t, texts...)
				test.send(t, c, good)
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
