//go:build unix

package facts

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// newSocket makes one that is closed when the test ends.
func newSocket(t *testing.T, family, sotype int) int {
	t.Helper()
	fd, err := unix.Socket(family, sotype, 0)
	must(t, err)
	unix.CloseOnExec(fd)
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// Addresses with a port.
func any4(port int) unix.Sockaddr { return &unix.SockaddrInet4{Port: port} }

func local4(port int) unix.Sockaddr {
	return &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
}
func any6(port int) unix.Sockaddr { return &unix.SockaddrInet6{Port: port} }

// inet makes a TCP socket for an address.
func inet(t *testing.T, sa unix.Sockaddr) int {
	t.Helper()
	if _, ok := sa.(*unix.SockaddrInet6); !ok {
		return newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
	}
	fd := newSocket(t, unix.AF_INET6, unix.SOCK_STREAM)
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
		t.Skip(err)
	}
	return fd
}

// listener listens with SO_REUSEADDR, and returns its port too.
func listener(t *testing.T, at func(int) unix.Sockaddr, backlog int) (fd, port int) {
	t.Helper()
	fd = inet(t, at(0))
	must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	must(t, unix.Bind(fd, at(0)))
	must(t, unix.Listen(fd, backlog))
	sa, err := unix.Getsockname(fd)
	must(t, err)
	return fd, sa.(*unix.SockaddrInet4).Port
}

// beside listens at one address, and then binds another one with the same port.
func beside(t *testing.T, first, second func(int) unix.Sockaddr, option int) string {
	t.Helper()
	_, port := listener(t, first, 1)
	fd := inet(t, second(port))
	if option != 0 {
		must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1))
	}
	err := unix.Bind(fd, second(port))
	if err == nil {
		err = unix.Listen(fd, 1)
	}
	return named(err)
}

// timeWait closes a connection at the listener's side first.
func timeWait(t *testing.T) string {
	t.Helper()
	fd, port := listener(t, local4, 1)
	client := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
	must(t, unix.Connect(client, local4(port)))
	conn, _, err := unix.Accept(fd)
	must(t, err)
	must(t, unix.Shutdown(conn, unix.SHUT_RDWR))
	unix.Read(client, make([]byte, 1))
	unix.Shutdown(client, unix.SHUT_RDWR)
	unix.Close(conn)
	must(t, unix.Dup2(newSocket(t, unix.AF_INET, unix.SOCK_STREAM), fd)) // closes the listener
	again := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
	must(t, unix.SetsockoptInt(again, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	return named(unix.Bind(again, local4(port)))
}

func dualStack(t *testing.T) string {
	t.Helper()
	fd := newSocket(t, unix.AF_INET6, unix.SOCK_STREAM)
	return named(unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0))
}

// privileged binds port 913 as a user that is not root.
func privileged(t *testing.T) string {
	t.Helper()
	const port = 913
	every, one := newSocket(t, unix.AF_INET, unix.SOCK_STREAM), newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
	return fmt.Sprintf("every address: %s; 127.0.0.1: %s",
		named(asUser(t, func() error { return unix.Bind(every, any4(port)) })), named(asUser(t, func() error { return unix.Bind(one, local4(port)) })))
}

// queued connects until it takes too long.
func queued(t *testing.T) string {
	t.Helper()
	_, port := listener(t, local4, 4096)
	count := 0
	for count < 128 {
		fd := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
		must(t, unix.SetNonblock(fd, true))
		if err := unix.Connect(fd, local4(port)); err != nil && !errors.Is(err, unix.EINPROGRESS) {
			break
		}
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		if n, err := unix.Poll(ready, 500); err != nil || n != 1 || ready[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
			break
		}
		count++
	}
	return strconv.Itoa(count)
}

func acceptConn(t *testing.T) string {
	t.Helper()
	fd, _ := listener(t, local4, 1)
	_, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return named(err)
}

// waitingClient has one wait at a listener in O_NONBLOCK.
func waitingClient(t *testing.T) (fd int) {
	t.Helper()
	fd, port := listener(t, local4, 1)
	must(t, unix.SetNonblock(fd, true))
	must(t, unix.Connect(newSocket(t, unix.AF_INET, unix.SOCK_STREAM), local4(port)))
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
	if err != nil || n != 1 {
		t.Fatalf("no client comes: %v", err)
	}
	return fd
}

func acceptedFlags(t *testing.T) string {
	t.Helper()
	conn, _, err := unix.Accept(waitingClient(t))
	must(t, err)
	defer unix.Close(conn)
	flags, err := unix.FcntlInt(uintptr(conn), unix.F_GETFL, 0)
	must(t, err)
	if flags&unix.O_NONBLOCK != 0 {
		return "nonblocking"
	}
	return "blocking"
}

func acceptShort(t *testing.T) string {
	t.Helper()
	fd := waitingClient(t)
	undo := testkit.Exhaust(t, 0)
	_, _, err := unix.Accept(fd)
	undo()
	conn, _, again := unix.Accept(fd)
	if again != nil {
		return named(err) + ", and it is gone"
	}
	unix.Close(conn)
	return named(err) + ", and it waits"
}

func shutDown(t *testing.T) string {
	t.Helper()
	fd, port := listener(t, local4, 1)
	err := unix.Shutdown(fd, unix.SHUT_RDWR)
	return named(err) + ", and connect: " + named(unix.Connect(newSocket(t, unix.AF_INET, unix.SOCK_STREAM), local4(port)))
}

// longestPath binds longer and longer paths.
func longestPath(t *testing.T) string {
	t.Helper()
	dir, longest := testkit.Directory(t)+"/", 0
	for length := len(dir) + 1; length < 120; length++ {
		fd := newSocket(t, unix.AF_UNIX, unix.SOCK_STREAM)
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: dir + strings.Repeat("p", length-len(dir))}); err != nil {
			break
		}
		longest = length
	}
	return strconv.Itoa(longest)
}

func seqpacket(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
	if err == nil {
		unix.Close(fd)
	}
	return named(err)
}

// unixListener listens at a path, with a queue as short as can be.
func unixListener(t *testing.T) (fd int, sa unix.Sockaddr) {
	t.Helper()
	fd, sa = newSocket(t, unix.AF_UNIX, unix.SOCK_STREAM), &unix.SockaddrUnix{Name: testkit.Directory(t) + "/s"}
	must(t, unix.Bind(fd, sa))
	must(t, unix.Listen(fd, 1))
	must(t, unix.SetNonblock(fd, true))
	return fd, sa
}

// fill connects until there is an error.
func fill(t *testing.T, sa unix.Sockaddr) error {
	t.Helper()
	for range 20 {
		client := newSocket(t, unix.AF_UNIX, unix.SOCK_STREAM)
		must(t, unix.SetNonblock(client, true))
		if err := unix.Connect(client, sa); err != nil {
			return err
		}
	}
	return nil
}

func fullQueue(t *testing.T) string {
	t.Helper()
	_, sa := unixListener(t)
	return named(fill(t, sa))
}

func probe(t *testing.T, sa unix.Sockaddr) string {
	t.Helper()
	return named(unix.Connect(newSocket(t, unix.AF_UNIX, unix.SOCK_DGRAM), sa))
}

func probeListener(t *testing.T) string {
	t.Helper()
	fd, sa := unixListener(t)
	answer := probe(t, sa)
	_, _, err := unix.Accept(fd)
	return answer + ", and " + named(err)
}

func probeFull(t *testing.T) string {
	t.Helper()
	_, sa := unixListener(t)
	fill(t, sa)
	return probe(t, sa)
}

func probeDead(t *testing.T) string {
	t.Helper()
	path := testkit.Directory(t) + "/s"
	must(t, testkit.DeadSocket(path, unix.SOCK_STREAM))
	return probe(t, &unix.SockaddrUnix{Name: path})
}

// pair is a connection.
func pair(t *testing.T) (here, there int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func sendDescriptors(t *testing.T, count int) string {
	t.Helper()
	here, _ := pair(t)
	fds := make([]int, count) // standard input, again and again
	return named(unix.Sendmsg(here, []byte("x"), unix.UnixRights(fds...), nil, 0))
}

func receiveShort(t *testing.T) string {
	t.Helper()
	here, there := pair(t)
	must(t, unix.Sendmsg(here, []byte("x"), unix.UnixRights(0, 0, 0, 0), nil, 0))
	undo := testkit.Exhaust(t, 1)
	oob := make([]byte, unix.CmsgSpace(4*4))
	_, n, flags, _, err := unix.Recvmsg(there, make([]byte, 1), oob, 0)
	undo()
	if messages, parseErr := unix.ParseSocketControlMessage(oob[:n]); parseErr == nil {
		for _, m := range messages {
			fds, _ := unix.ParseUnixRights(&m)
			for _, fd := range fds {
				unix.Close(fd)
			}
		}
	}
	if err == nil && flags&unix.MSG_CTRUNC != 0 {
		return "MSG_CTRUNC"
	}
	return named(err)
}

func boundMode(t *testing.T) string {
	t.Helper()
	path := testkit.Directory(t) + "/s"
	old := unix.Umask(0o027)
	err := unix.Bind(newSocket(t, unix.AF_UNIX, unix.SOCK_STREAM), &unix.SockaddrUnix{Name: path})
	unix.Umask(old)
	must(t, err)
	return modeOf(t, path)
}

// modeOf returns the permission bits of a file, in octal.
func modeOf(t *testing.T, path string) string {
	t.Helper()
	var stat unix.Stat_t
	must(t, unix.Lstat(path, &stat))
	return strconv.FormatUint(uint64(stat.Mode&0o7777), 8)
}

func peer(t *testing.T) string {
	t.Helper()
	here, _ := pair(t)
	pid, uid, err := process.Peer(here)
	must(t, err)
	switch {
	case uid != os.Geteuid():
		return fmt.Sprintf("user %d, who is not we", uid)
	case pid == os.Getpid():
		return "user and process"
	}
	return "user"
}

func mkdirMode(t *testing.T) string {
	t.Helper()
	path := testkit.Directory(t) + "/d"
	must(t, unix.Mkdir(path, 0o3700))
	return modeOf(t, path)
}

func flockDirectory(t *testing.T) string {
	t.Helper()
	dir := testkit.Directory(t)
	lock := func() error {
		f, err := os.Open(dir)
		must(t, err)
		t.Cleanup(func() { f.Close() })
		return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	first := named(lock())
	return first + ", then " + named(lock())
}

func tmp(t *testing.T) string {
	t.Helper()
	info, err := os.Lstat("/tmp")
	must(t, err)
	if info.Mode()&os.ModeSymlink != 0 {
		return "link"
	}
	return "directory"
}

// isTold waits until done is closed, for as long as the patience of tests lasts.
func isTold(done <-chan error) string {
	select {
	case err := <-done:
		if err == nil {
			return "told"
		}
		return named(err)
	case <-time.After(testkit.Patience):
		return "not told"
	}
}
