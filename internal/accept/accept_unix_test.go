//go:build unix

package accept_test

import (
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/accept"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/testkit"
)

// TestServe: connections have a command each, at the same time.
func TestServe(t *testing.T) {
	for name, service := range map[string]accept.Service{
		"inetd": inetd("echo $$; exec cat"),
		"third": third("exec <&3 >&3; echo $$; exec cat"),
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, service, "tcp::0", testkit.Directory(t)+"/s")
			pids := map[string]bool{}
			var clients []net.Conn
			for i := range 6 {
				clients = append(clients, s.dial(i%2))
				pids[readLine(t, clients[i])] = true
			}
			if len(pids) != len(clients) {
				t.Errorf("processes %v serve %d clients", pids, len(clients))
			}
			for _, c := range clients {
				if got, err := testkit.Exchange(c, "hello"); err != nil || got != "hello" {
					t.Errorf("%q comes back, %v", got, err)
				}
			}
			s.must("ready")
			s.end(syscall.SIGTERM)
			s.must("ready", "clean up")
		})
	}
}

// TestServeEnviron: a command knows the address of its client, and nothing about the sockets that this process was given.
func TestServeEnviron(t *testing.T) {
	const passed = "LISTEN_FDNAMES=connection LISTEN_FDS=1 LISTEN_FDS_FIRST_FD=3 LISTEN_PID=PID "
	for _, test := range []environTest{
		{inetd("echo $$; exec env"), "tcp::0", "REMOTE_ADDR=127.0.0.1 REMOTE_PORT=PORT SYSTEMFD_HOLDER="},
		{inetd("echo $$; exec env"), "./s", "SYSTEMFD_HOLDER="},
		{third("exec >&3; echo $$; exec env"), "tcp::0", passed + "REMOTE_ADDR=127.0.0.1 REMOTE_PORT=PORT SYSTEMFD_HOLDER="},
		{third("exec >&3; echo $$; exec env"), "./s", passed + "SYSTEMFD_HOLDER="},
	} {
		t.Run(test.spec+" "+strings.Join(test.service.Nested, " "), test.check)
	}
}

// TestServePassesEnviron: LISTEN_PID names the command, and nothing else in its environment changes, also not variables that a shell
// would set or drop.
func TestServePassesEnviron(t *testing.T) {
	dir := testkit.Directory(t)
	t.Chdir(dir)
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, teller)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, variables := range [][]string{
		{},
		{"PWD=" + dir},
		{"PWD=/"},
		{"PWD=" + dir, "SHLVL=1"},
		{"SHLVL=7", "_=/bin/x", "OLDPWD=/no/such"},
		{"TEXT=a\nb=c\n", "EMPTY="},
		{"a.b=c"},
		{"f%%=() { :; }"},
		{"IFS=:"},
		{"OPTIND=7"},
		{"PPID=1"},
		{"PS1=x", "PS4=y"},
		{"RANDOM=1", "LINENO=1"},
		{"SHELLOPTS=xtrace"},
	} {
		environ := append([]string{"PATH=" + os.Getenv("PATH")}, variables...)
		service := accept.Service{File: "./" + teller, Argv: []string{"./" + teller}, Environ: environ, PassPID: true, Nested: nested}
		s := serve(t, service, "unix::./s")
		got := strings.Split(testkit.ReadAll(t, s.dial(0)), "\x00")
		want := append(environ, "LISTEN_FDS=1", "LISTEN_FDNAMES=connection", "LISTEN_FDS_FIRST_FD=3", "SYSTEMFD_HOLDER=", "LISTEN_PID="+got[0])
		got = got[1:]
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("of %q it finds %q", want, got)
		}
		s.end(syscall.SIGTERM)
	}
}

type environTest struct {
	service    accept.Service
	spec, want string
}

func (test environTest) check(t *testing.T) {
	t.Chdir(testkit.Directory(t))
	path := "PATH=" + os.Getenv("PATH")
	test.service.Environ = []string{
		path, "REMOTE_ADDR=evil", "REMOTE_PORT=1", "NOTIFY_SOCKET=/no",
		"LISTEN_FDS=7", "LISTEN_PID=1", "LISTEN_FDNAMES=x", "SYSTEMFD_SOCKETS=x", "SYSTEMFD_HOLDER=/no",
	}
	c := serve(t, test.service, test.spec).dial(0)
	pid, text, _ := strings.Cut(testkit.ReadAll(t, c), "\n")
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	want := append(strings.Fields(strings.NewReplacer("=PID", "="+pid, "=PORT", "="+port).Replace(test.want)), path)
	got := slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), func(v string) bool { // a shell sets these itself
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"PWD", "OLDPWD", "SHLVL", "_"}, name)
	})
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("it finds %q, want %q", got, want)
	}
}

// TestServeFails: a command that fails, or cannot run, ends its connection, and the next one is served.
func TestServeFails(t *testing.T) {
	none := inetd("")
	none.File = "/no/such"
	const failure = `error: cannot run "sh": no such file or directory`
	for _, test := range []struct {
		name    string
		service accept.Service
		want    []string
	}{
		{"failure", inetd("exit 7"), nil},
		{"death", inetd("kill -KILL $$"), nil},
		{"no file", none, []string{failure, failure, failure}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, test.service, "tcp::0")
			for range 3 {
				if text := testkit.ReadAll(t, s.dial(0)); text != "" {
					t.Errorf("nothing says %q", text)
				}
			}
			want := slices.Concat([]string{"ready"}, test.want)
			s.await("the errors", func() bool { return s.has(want...) })
			s.end(syscall.SIGINT)
			s.must(append(want, "clean up")...)
		})
	}
}

// TestServeEnds: the first signal ends accepting, then goes on to the commands, as later ones do; it returns when all have ended.
func TestServeEnds(t *testing.T) {
	s := serve(t, inetd("trap 'echo told' TERM; trap 'echo again; exit' INT; echo up; while :; do sleep 0.01; done"), "tcp::0")
	clients := []net.Conn{s.dial(0), s.dial(0)}
	say := func(want string) {
		for _, c := range clients {
			if got := readLine(t, c); got != want {
				t.Errorf("a command says %q, want %q", got, want)
			}
		}
	}
	say("up")
	s.signals <- syscall.SIGTERM
	say("told")
	s.must("ready", "clean up")
	if testkit.Listens(t, s.sockets[0].Opening) {
		t.Error("somebody listens")
	}
	if s.hasEnded() {
		t.Fatal("it does not wait for the commands")
	}
	s.signals <- syscall.SIGINT
	say("again")
	s.await("its end", s.hasEnded)
	if s.ending != syscall.SIGTERM {
		t.Errorf("it returns %s", s.ending)
	}
}

// TestServeCannot: without descriptors, or a socket, it is not ready.
func TestServeCannot(t *testing.T) {
	undo := testkit.Exhaust(t, 7)
	_, err := accept.Serve(inetd("cat"), nil)
	undo()
	if err == nil || err.Error() != "cannot accept: too many open files" {
		t.Errorf("short of descriptors: %v", err)
	}
	service := inetd("cat")
	service.Listeners = []socket.Socket{{FD: -1, Opening: testkit.Openings(t, "tcp::1")[0]}}
	if _, err := accept.Serve(service, nil); err == nil || err.Error() != "cannot accept on 127.0.0.1:1 (tcp listener): bad file descriptor" {
		t.Errorf("no socket: %v", err)
	}
}

// TestServeShort: without free descriptors it waits, says so once, and loses nothing.
func TestServeShort(t *testing.T) {
	const accepting = "warning: cannot accept: too many open files; trying again until it works"
	for _, test := range []shortTest{
		{"for a connection", 1, 0, accepting},
		{"for its command", 1, 1, `warning: cannot run "sh": too many open files; trying again until it works`},
		{"on two sockets", 2, 0, accepting},
	} {
		t.Run(test.name, test.check)
	}
}

type shortTest struct {
	name            string
	listeners, free int
	want            string
}

func (test shortTest) check(t *testing.T) {
	if test.free == 0 && runtime.GOOS == "darwin" {
		t.Skip("macOS drops a connection for which there is no descriptor")
	}
	s := serve(t, inetd("echo served"), slices.Repeat([]string{"tcp::0"}, test.listeners)...)
	clients, undo := comeShort(t, s, test.free)
	s.await("the warning", func() bool { return s.has("ready", test.want) })
	undo()
	for _, fd := range clients {
		checkServed(t, os.NewFile(uintptr(fd), "client"))
	}
	s.end(syscall.SIGTERM)
	s.must("ready", test.want, "clean up")
}

// TestServeEndsShort: during a shortage it cannot serve, but it can end.
func TestServeEndsShort(t *testing.T) {
	for free := range 2 {
		s := serve(t, inetd("echo served"), "tcp::0")
		clients, undo := comeShort(t, s, free)
		s.await("the warning", func() bool { return len(s.calls()) == 2 })
		s.end(syscall.SIGTERM)
		undo()
		for _, fd := range clients {
			unix.Close(fd)
		}
	}
}

// comeShort makes a client connect to each socket while only so many descriptors are free.
func comeShort(t *testing.T, s *serving, free int) (clients []int, undo func()) {
	t.Helper()
	testkit.ReadAll(t, s.dial(0)) // the runtime has its own descriptors then
	for range s.sockets {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, fd)
	}
	undo = testkit.Exhaust(t, free)
	for i, fd := range clients {
		address := s.sockets[i].Addr
		unix.Connect(fd, &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()})
	}
	return clients, undo
}

// checkServed reads what a client is answered.
func checkServed(t *testing.T, client *os.File) {
	t.Helper()
	defer client.Close()
	c, err := net.FileConn(client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if text := testkit.ReadAll(t, c); text != "served\n" {
		t.Errorf("a client gets %q", text)
	}
}
