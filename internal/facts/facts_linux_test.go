package facts

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

var ownFacts []fact

// asUser calls f as somebody who is not root.
func asUser(t *testing.T, f func() error) error {
	t.Helper()
	if start, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start"); err != nil || string(start) != "1024\n" {
		t.Skipf("unprivileged ports begin at %s, %v", start, err)
	}
	if os.Geteuid() != 0 {
		return f()
	}
	return testkit.As(65534, f)
}

// queueLimit is that of the system, which caps what listen(2) is given.
func queueLimit(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	must(t, err)
	return strings.TrimSpace(string(text))
}

func newPoller() (int, error) { return unix.EpollCreate1(0) }

// watchExit is closed, or has an error, when a process ends: pidfd_open(2).
func watchExit(t *testing.T, pid int) <-chan error {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	must(t, err)
	ended := make(chan error, 1)
	go func() {
		defer unix.Close(fd)
		ended <- testkit.Retry(func() error {
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			return err
		})
	}()
	return ended
}
