//go:build unix

package socket

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

type inUseTest struct {
	theirs string
	ours   string // with %d for their port; "" for just what they have
}

// TestInUseElsewhere: the error names the other process, also for an address that only overlaps. Not every kernel refuses such an
// address.
func TestInUseElsewhere(t *testing.T) {
	dir := testkit.Directory(t)
	for _, test := range []inUseTest{
		{"tcp::0", ""},
		{"http::0", "https::127.0.0.1:%d"},
		{"udp::0", ""},
		{dir + "/a.sock", ""},
		{dir + "/a  b", ""},
		{"0.0.0.0:0", "tcp::%d"},
		{"tcp::0", "0.0.0.0:%d"},
		{"udp::0", "udp::0.0.0.0:%d"},
		{"[::1]:0", ""},
		{"udp::[::1]:0", ""},
		{":0", ""},
		{":0", "tcp::%d"},
		{"tcp::0", ":%d"},
	} {
		t.Run(test.theirs+" "+test.ours, test.check)
	}
}

func (test inUseTest) check(t *testing.T) {
	needIPv6For(t, test.theirs)
	bound, pid := elsewhere(t, test.theirs)
	text := bound.String()
	if test.ours != "" {
		text = fmt.Sprintf(test.ours, bound.Port())
		needIPv6For(t, text)
	}
	if runtime.GOOS != "linux" && user(bound).PID == 0 {
		t.Skip("nothing here tells who has an address")
	}
	err := openFails(t, text, options)
	want := fmt.Sprintf("%s is in use by %s", parse(t, text).Address(), process.Of(pid))
	if err.Error() != want || !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestInUseHere: by this process, which the error does not name.
func TestInUseHere(t *testing.T) {
	for _, text := range []string{"tcp::0", "udp::0", "http::[::1]:0", "udp:::0"} {
		t.Run(text, func(t *testing.T) {
			needIPv6For(t, text)
			s := open(t, text, options)
			err := openFails(t, s.String(), options)
			if want := s.Address() + " is in use"; err.Error() != want || !errors.Is(err, unix.EADDRINUSE) {
				t.Errorf("%v, want %s", err, want)
			}
			if want := "stop it, or take another port (0 is any free one)"; err.Hint() != want {
				t.Errorf("hint %q, want %q", err.Hint(), want)
			}
		})
	}
}

// TestReusePort: two sockets can share a port only if both ask for it.
func TestReusePort(t *testing.T) {
	for _, typ := range []string{"tcp", "udp"} {
		shared := open(t, typ+"::0", spec.Options{Backlog: 1, ReusePort: true})
		text := shared.String()
		open(t, text, spec.Options{Backlog: 1, ReusePort: true})
		openFails(t, text, spec.Options{Backlog: 1})
	}
}

// TestTimeWait: a connection that has ended does not keep its port busy for a socket with SO_REUSEADDR.
func TestTimeWait(t *testing.T) {
	s, err := Open(opening(t, "tcp::0", options))
	if err != nil {
		t.Fatal(err)
	}
	client := connectTo(t, s.Opening.Spec, loopback4)
	served := arrival(t, s)
	s.Close()
	unix.Shutdown(served, unix.SHUT_WR) // the side that ends first has to wait
	unix.Shutdown(client, unix.SHUT_WR)
	again := opening(t, s.Opening.Spec.String(), options)
	again.NoReuse = true
	if failure := openFails(t, again.Spec.String(), again.Options); !errors.Is(failure, unix.EADDRINUSE) {
		t.Errorf("without SO_REUSEADDR: %v", failure)
	}
	open(t, again.Spec.String(), options)
}
