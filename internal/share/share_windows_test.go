package share

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

const patience = 30 * time.Second

// listening returns a listener of Winsock, and its address.
func listening(t *testing.T) (s windows.Handle, address string) {
	t.Helper()
	s, err := windows.WSASocket(windows.AF_INET, windows.SOCK_STREAM, 0, nil, 0, windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err == nil {
		err = windows.Bind(s, &windows.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = windows.Listen(s, 8)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, addressOf(t, s)
}

func addressOf(t *testing.T, s windows.Handle) string {
	t.Helper()
	name, err := windows.Getsockname(s)
	if err != nil {
		t.Fatal(err)
	}
	return "127.0.0.1:" + strconv.Itoa(name.(*windows.SockaddrInet4).Port)
}

// serving serves sockets until the test ends.
func serving(t *testing.T, sockets ...windows.Handle) (s *Server, secret string) {
	t.Helper()
	var all []int
	for _, h := range sockets {
		all = append(all, int(h))
	}
	s, secret, err := Serve(all)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, secret
}

// TestFetch: what is fetched are the sockets themselves, in order. They stay open if the server's are closed, and no child inherits them.
func TestFetch(t *testing.T) {
	t.Parallel()
	one, first := listening(t)
	two, second := listening(t)
	server, secret := serving(t, one, two)
	got, err := Fetch(server.Address, secret)
	if err != nil || len(got) != 2 {
		t.Fatalf("fetched %v, %v", got, err)
	}
	defer Close(got)
	Close([]int{int(one), int(two)})
	for i, address := range []string{first, second} {
		h := windows.Handle(got[i])
		if is := addressOf(t, h); is != address {
			t.Errorf("number %d is at %s, want %s", i, is, address)
		}
		c, err := net.DialTimeout("tcp", address, patience)
		if err != nil {
			t.Fatalf("nobody listens any more: %v", err)
		}
		c.Close()
		if isInherited(t, h) {
			t.Errorf("a child inherits number %d", i)
		}
	}
}

var getHandleInformation = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetHandleInformation")

func isInherited(t *testing.T, h windows.Handle) bool {
	t.Helper()
	var flags uint32
	if ok, _, err := getHandleInformation.Call(uintptr(h), uintptr(unsafe.Pointer(&flags))); ok == 0 {
		t.Fatal(err)
	}
	return flags&windows.HANDLE_FLAG_INHERIT != 0
}

func TestFetchFails(t *testing.T) {
	t.Parallel()
	s, _ := listening(t)
	defer windows.Closesocket(s)
	server, secret := serving(t, s)
	gone, secretOfGone := serving(t, s)
	gone.Close()
	for _, test := range []struct{ server, secret, problem string }{
		{server.Address, NewSecret(), "it does not know the secret"},
		{server.Address, secret + "0", "it does not know the secret"},
		{server.Address, "", "it does not know the secret"},
		{gone.Address, secretOfGone, "it is gone"},
		{"192.0.2.1:80", secret, "that is no address of this host"},
		{"nonsense", secret, "that is no address of this host"},
	} {
		got, err := Fetch(test.server, test.secret)
		failed, ok := errors.AsType[*Error](err)
		if len(got) > 0 || !ok || failed.Problem != test.problem || failed.Hint() == "" {
			t.Errorf("%v: fetched %v, %v", test, got, err)
		}
	}
}

// TestStrangers: who says nothing, too much or nonsense gets nothing, and keeps nobody waiting.
func TestStrangers(t *testing.T) {
	t.Parallel()
	s, _ := listening(t)
	defer windows.Closesocket(s)
	server, secret := serving(t, s)
	var all []net.Conn
	for _, request := range []string{"", "", "GET / HTTP/1.1\r\n\r\n", secret + "|", strings.Repeat(secret, 1000)} {
		c, err := net.DialTimeout("tcp", server.Address, patience)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte(request)) // and does not end it
		all = append(all, c)
	}
	got, err := Fetch(server.Address, secret)
	if err != nil || len(got) != 1 {
		t.Errorf("fetched %v, %v", got, err)
	}
	Close(got)
	for i, c := range all {
		c.SetReadDeadline(time.Now().Add(patience))
		if n, err := c.Read(make([]byte, 1)); n != 0 || isTimeout(err) {
			t.Errorf("number %d gets %d bytes, %v", i, n, err)
		}
	}
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
