//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/testkit"
)

// talk connects to a control socket and sends what a client should not.
func talk(t *testing.T, control, text string, fds ...int) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: control, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(testkit.Patience))
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	if text != "" {
		_, _, err = c.WriteMsgUnix([]byte(text), rights, nil)
	}
	if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
	return c
}

// status is a request that every holder answers.
var status = fmt.Sprintf(`{"Protocol":%d,"Op":"status","Client":%d}`+"\n", wire.Protocol, os.Getpid())

// isAnswered fails the test if a plain request has no answer at once.
func isAnswered(t *testing.T, control string) {
	t.Helper()
	start := time.Now()
	c := talk(t, control, status)
	defer c.Close()
	answer, err := io.ReadAll(c)
	if err != nil || !bytes.Contains(answer, []byte(`"Error":""`)) || time.Since(start) > 1500*time.Millisecond {
		t.Errorf("the next client is answered %q, %v after %v", answer, err, time.Since(start))
	}
}

// ask is a request of ours to a holder.
func ask(fields string) string {
	return fmt.Sprintf(`{"Protocol":%d,"Client":%d,%s}`+"\n", wire.Protocol, os.Getpid(), fields)
}

// TestHostileClients is what a holder lives through, without losing a descriptor. Those who are still there are told
// what is wrong.
func TestHostileClients(t *testing.T) {
	t.Parallel()
	refused := func(want, text string, fds ...int) func(t *testing.T, control string) {
		return func(t *testing.T, control string) { isRefused(t, control, talk(t, control, text, fds...), want) }
	}
	for name, attack := range map[string]func(t *testing.T, control string){
		"sends nothing":     refused("no request within 2s", ""),
		"hangs up":          func(t *testing.T, control string) { talk(t, control, "").Close() },
		"half a request":    refused("no request within 2s", status[:12]),
		"garbage":           refused("the message is malformed", "\x00\xff\n\n"),
		"HTTP":              refused("the message is malformed", "GET / HTTP/1.1\r\n\r\n"),
		"an array":          refused("the message is malformed", "[1]\n"),
		"numbers too large": refused("the message is malformed", ask(`"Op":"release","Owner":1e99`)),
		"another version":   refused("the holder speaks version 2 of the protocol, this systemfd version 1", `{"Protocol":1,"Op":"stop"}`+"\n"),
		"no version":        refused("the holder speaks version 2 of the protocol, this systemfd version 0", `{"Op":"stop"}`+"\n"),
		"another process":   refused("process 1 is process ", fmt.Sprintf(`{"Protocol":%d,"Client":1,"Op":"fetch"}`+"\n", wire.Protocol)),
		"no end": func(t *testing.T, control string) {
			c := talk(t, control, "")
			for range 40 {
				c.Write(bytes.Repeat([]byte(" "), 1<<16))
			}
			isRefused(t, control, c, "the message is too large")
		},
		"descriptors": func(t *testing.T, control string) {
			for range 20 {
				c := talk(t, control, status, 0, 1, 2)
				io.Copy(io.Discard, c)
				c.Close()
			}
			talk(t, control, "x", 0, 1, 2) // and no end of the line
		},
		"nobody's sockets": func(t *testing.T, control string) {
			for fields, want := range map[string]string{
				`"Op":"fetch","Openings":["tcp::127.0.0.1:1"]`: "", // it is missing, and that is the answer
				`"Op":"fetch","Openings":["no::thing"]`:        `unknown type`,
				`"Op":"claim","Openings":["tcp::1~x"]`:         `bad option`,
				`"Op":"release","Owner":0`:                     "",
				`"Op":"release","Owner":-1`:                    "",
				`"Op":"dance"`:                                 `unknown request`,
			} {
				isRefused(t, control, talk(t, control, ask(fields)), want)
			}
		},
		"claims and goes": func(t *testing.T, control string) {
			for _, owner := range []int{-7, 0, os.Getpid()} {
				c := talk(t, control, ask(fmt.Sprintf(`"Op":"claim","Owner":%d,"Openings":["tcp::127.0.0.1:0"]`, owner)))
				bufio.NewReader(c).ReadString('}')
				c.Close()
			}
		},
		"ten thousand requests": func(t *testing.T, control string) {
			var clients sync.WaitGroup
			for i := range 8 {
				clients.Go(func() {
					for range 1250 {
						c, err := net.Dial("unix", control)
						if err != nil {
							t.Error(err)
							return
						}
						io.WriteString(c, []string{status, ask(`"Op":"fetch","Pass":true,"Openings":["udp::127.0.0.1:0"]`)}[i%2])
						if answer, err := io.ReadAll(c); err != nil || !bytes.Contains(answer, []byte(`"Error":""`)) {
							t.Errorf("got %q, %v", answer, err)
						}
						c.Close()
					}
				})
			}
			clients.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			owner, end := testkit.Owner(t)
			environ := p.MustKeep(owner, "-s", "127.0.0.1:0")
			control := testkit.Variable(t, environ, "SYSTEMFD_HOLDER")
			keeper := p.Holder()
			isAnswered(t, control) // the runtime's own descriptors are there from now on
			before := len(testkit.OpenFiles(t, keeper))

			attack(t, control)
			isAnswered(t, control)
			if got := p.With(environ, "--", "probe"); got.Status != 0 || got.Err != "" {
				t.Errorf("status %d, %s", got.Status, got.Err)
			}
			testkit.Await(t, fmt.Sprintf("the holder to have %d descriptors again", before), func() bool {
				return len(testkit.OpenFiles(t, keeper)) <= before
			})
			if held := p.Held(); p.Holder() != keeper || len(held) != 1 || len(held[0].Owners) != 1 || held[0].Owners[0].PID != owner {
				t.Errorf("process %d was the holder; now held is %+v", keeper, held)
			}
			end()
			p.AwaitNothing()
		})
	}
}

// isRefused waits for the answer, which has to say why there is none; want is "" for one without an error. Meanwhile
// others are answered.
func isRefused(t *testing.T, control string, c *net.UnixConn, want string) {
	t.Helper()
	isAnswered(t, control)
	answer, err := io.ReadAll(c)
	var header wire.Header
	line, _, _ := bytes.Cut(answer, []byte("\n"))
	if jsonErr := json.Unmarshal(line, &header); jsonErr != nil || header.Protocol != wire.Protocol || !strings.Contains(header.Error, want) || want == "" && header.Error != "" {
		t.Errorf("got %q, %v; want %q", answer, err, want)
	}
	c.Close()
}

// TestManySockets passes more than one SCM_RIGHTS message carries.
func TestManySockets(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	args := []string{}
	for range 300 {
		args = append(args, "-s", "127.0.0.1:0")
	}
	environ := p.MustKeep(owner, args...)
	got := p.With(environ, "--", "probe")
	if got.Status != 0 || got.Err != "" {
		t.Errorf("status %d, %s", got.Status, got.Err)
	}
	for i, held := range p.Held() {
		testkit.Says(t, got.Out, fmt.Sprintf("fd %d .* listening=1 .* %s", 3+i, regexp.QuoteMeta(held.Address)))
	}
	testkit.SaysNot(t, got.Out, "fd 303 .*")

	// the same without room for them
	limited := exec.CommandContext(t.Context(), "sh", "-c", "ulimit -n 200; exec systemfd -- probe")
	limited.Dir, limited.Env = p.Dir, environ
	text, err := limited.CombinedOutput()
	if limited.ProcessState.ExitCode() != 125 || !regexp.MustCompile(`(?m)^error: .*(too many open files|descriptors)`).Match(text) || bytes.Contains(text, []byte("gone")) {
		t.Errorf("with 200 descriptors: %v, %s", err, text)
	}
	// and with room for the sockets, but not twice
	limited = exec.CommandContext(t.Context(), "sh", "-c", "ulimit -n 310; exec systemfd -- probe")
	limited.Dir, limited.Env = p.Dir, environ
	if text, err = limited.CombinedOutput(); limited.ProcessState.ExitCode() == 0 {
		testkit.Says(t, string(text), "fd 302 .* listening=1 .*")
	} else if !regexp.MustCompile(`(?m)^error: .*too many open files`).Match(text) || bytes.Contains(text, []byte("gone")) {
		t.Errorf("with 310 descriptors: %v, %s", err, text)
	}
	end()
	p.AwaitNothing()
}

// as is testkit.As for root, and for nobody else.
func as(t *testing.T, uid int, f func() error) error {
	t.Helper()
	if os.Geteuid() != 0 {
		testkit.Lacks(t, "a second user, only for root,")
	}
	return testkit.As(uid, f)
}

// TestAnotherUser opens everything up for another user: still the holder does not talk to it.
func TestAnotherUser(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	environ := p.MustKeep(owner, "-s", "127.0.0.1:0")
	control := testkit.Variable(t, environ, "SYSTEMFD_HOLDER")
	for _, path := range []string{p.Runtime, filepath.Dir(control), control} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(answer *[]byte) func() error {
		return func() error {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: int64(testkit.Patience.Seconds())})
			if err := testkit.Retry(func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: control}) }); err != nil {
				return err
			}
			unix.Write(fd, []byte(status))
			buf, n := make([]byte, 1<<16), 0
			err = testkit.Retry(func() (err error) { n, err = unix.Read(fd, buf); return err })
			*answer = buf[:max(n, 0)]
			if errors.Is(err, unix.ECONNRESET) {
				err = nil
			}
			return err
		}
	}
	var theirs, ours []byte
	if err := as(t, 65534, ask(&theirs)); err != nil || len(theirs) > 0 {
		t.Errorf("another user is answered %q, %v", theirs, err)
	}
	if err := as(t, 0, ask(&ours)); err != nil || !bytes.Contains(ours, []byte(`"Error":""`)) {
		t.Errorf("we are answered %q, %v", ours, err)
	}
	os.Chmod(filepath.Dir(control), 0o700)
	end()
	p.AwaitNothing()
}

// TestAnotherUsersHolder puts a control socket of another user's into our folder: no client talks to it.
func TestAnotherUsersHolder(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	dir := filepath.Join(p.Runtime, "systemfd")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	control := filepath.Join(dir, "x.sock")
	var fd int
	if err := as(t, 0, func() (err error) {
		if fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err == nil {
			err = unix.Bind(fd, &unix.SockaddrUnix{Name: control})
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(control)
	defer unix.Close(fd)
	if err := as(t, 65534, func() error { return unix.Listen(fd, 8) }); err != nil { // SO_PEERCRED is who called listen(2)
		t.Fatal(err)
	}
	environ := append(slices.Clone(p.Env), "SYSTEMFD_HOLDER="+control, "SYSTEMFD_SOCKETS=tcp::"+testkit.FreePort(t), "LISTEN_FDS=1")
	got := p.With(environ, "--", "probe")
	want := fmt.Sprintf("error: the holder at %q is another user's (uid 65534)\n", control)
	if got.Status != 125 || got.Out != "" || !strings.HasPrefix(got.Err, want) {
		t.Errorf("status %d, %s%s", got.Status, got.Out, got.Err)
	}
}
