//go:build unix

package child

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// manager listens at an address as a service manager does.
func manager(t *testing.T, address string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestNotifyReady(t *testing.T) {
	dir := testkit.Directory(t)
	fits := dir + "/" + strings.Repeat("x", len(unix.RawSockaddrUnix{}.Path)-len(dir)-2)
	addresses := []string{dir + "/n", fits}
	if runtime.GOOS == "linux" {
		addresses = append(addresses, "@"+dir, "@"+fits[1:])
	}
	for _, address := range addresses {
		m := manager(t, address)
		t.Setenv(notifySocket, address)
		if err := NotifyReady(); err != nil {
			t.Error(err)
		}
		message := make([]byte, 99)
		if n, err := m.Read(message); err != nil || string(message[:n]) != "READY=1" {
			t.Errorf("%s hears %q, %v", address, message[:n], err)
		}
	}
}

// TestNotifyNobody: without a manager there is nothing to do. If a manager cannot be told, the error says why.
func TestNotifyNobody(t *testing.T) {
	dir := testkit.Directory(t)
	if err := testkit.DeadSocket(dir+"/dead", unix.SOCK_DGRAM); err != nil {
		t.Fatal(err)
	}
	long := "/" + strings.Repeat("x", len(unix.RawSockaddrUnix{}.Path)-1)
	const other = "neither a path from / on nor an abstract @name"
	for address, want := range map[string]string{
		"":             "",
		dir + "/none":  "no such file or directory",
		dir + "/dead":  "connection refused",
		long:           "file name too long",
		"@" + long[1:]: "file name too long",
		"n":            other,
		"vsock:2:1234": other,
	} {
		t.Setenv(notifySocket, address)
		text := ""
		if err := NotifyReady(); err != nil {
			text = err.Error()
		}
		if want != "" {
			want = fmt.Sprintf("cannot send READY=1 to NOTIFY_SOCKET %q: %s", address, want)
		}
		if text != want {
			t.Errorf("%q: %q, want %q", address, text, want)
		}
	}
}

// TestNotifyBusy: a manager that reads nothing keeps nobody waiting for ever.
func TestNotifyBusy(t *testing.T) {
	defer func(old unix.Timeval) { notifyWithin = old }(notifyWithin)
	notifyWithin = unix.Timeval{Usec: 10_000}
	address := filepath.Join(testkit.Directory(t), "n")
	manager(t, address)
	for range 10_000 {
		if err := notify(address, "READY=1"); err != nil {
			if runtime.GOOS == "linux" && !errors.Is(err, unix.EAGAIN) {
				t.Error(err)
			}
			return
		}
	}
	t.Error("its queue never fills")
}
