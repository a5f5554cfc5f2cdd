//go:build unix

package holder

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

var refused = &Error{Text: "no"}

var judgeTests = []struct {
	err        error
	dead, live error
}{
	{nil, nil, nil},
	{ErrGone, ErrGone, ErrGone},
	{refused, refused, refused},
	{unix.ENOENT, ErrGone, ErrGone},
	{unix.ENOTDIR, ErrGone, ErrGone},
	{unix.EAGAIN, errNoAnswer, errNoAnswer},
	{unix.EINTR, errNoAnswer, errNoAnswer},
	{unix.ECONNREFUSED, ErrGone, errNoAnswer},
	{unix.ECONNRESET, ErrGone, errNoAnswer},
	{unix.EPIPE, ErrGone, errNoAnswer},
	{io.EOF, ErrGone, errNoAnswer},
	{fmt.Errorf("read: %w", io.EOF), ErrGone, errNoAnswer},
	{unix.EACCES, unix.EACCES, unix.EACCES},
	{unix.ENOTSOCK, unix.ENOTSOCK, unix.ENOTSOCK},
	{unix.EMFILE, unix.EMFILE, unix.EMFILE},
}

// TestJudge: only the probe of its socket decides whether a holder is gone.
func TestJudge(t *testing.T) {
	t.Parallel()
	dir := testkit.Directory(t)
	socketAt(t, dir+"/dead", false)
	socketAt(t, dir+"/alive", true)
	for _, test := range judgeTests {
		for path, want := range map[string]error{dir + "/dead": test.dead, dir + "/missing": test.dead, dir + "/alive": test.live} {
			if got := (&client{control: path}).judge(test.err); !errors.Is(got, want) || want == nil && got != nil {
				t.Errorf("%v at %s means %v, not %v", test.err, path, got, want)
			}
		}
	}
	c := &client{control: "/x"}
	if got := c.judge(unix.EACCES); got.Error() != `cannot talk to the holder at "/x": permission denied` || testkit.Hint(got) != "" {
		t.Errorf("got %v, hint %q", got, testkit.Hint(got))
	}
	if got := c.judge(unix.EMFILE); testkit.Hint(got) != "raise the limit of open files: ulimit -n" {
		t.Errorf("got %v, hint %q", got, testkit.Hint(got))
	}
}

// fullQueue is a holder that accepts nothing, and whose queue has no room left.
func fullQueue(t *testing.T) (c *client, listener int) {
	t.Helper()
	path := testkit.Directory(t) + "/x.sock"
	listener = listen(t, path, 1)
	c = &client{control: path, peer: unix.Geteuid()}
	for range 8 {
		if fd, err := c.connect(); err == nil {
			t.Cleanup(func() { unix.Close(fd) })
		}
	}
	if fd, err := c.connect(); err == nil {
		unix.Close(fd)
		t.Skip("this system's queue has no end")
	}
	return c, listener
}

// TestFullQueue: a holder whose queue is full is alive. It is tried again, until the deadline.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	c, _ := fullQueue(t)
	begin := time.Now()
	_, err := c.Status()
	if want := fmt.Sprintf("the holder at %q does not answer", c.control); err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	if took := time.Since(begin); took < lookTime || took > 2*lookTime {
		t.Errorf("it took %v", took)
	}
}

// TestQueueHasRoom: a holder whose queue is full is tried again, until there is room.
func TestQueueHasRoom(t *testing.T) {
	t.Parallel()
	c, listener := fullQueue(t)
	accepted := make(chan int)
	go func() {
		time.Sleep(50 * time.Millisecond)
		fd, _, _ := unix.Accept(listener)
		accepted <- fd
	}()
	k, err := c.dial(testkit.Patience)
	unix.Close(<-accepted)
	if err != nil {
		t.Fatal(err)
	}
	k.close()
}

func TestError(t *testing.T) {
	t.Parallel()
	err := error(&Error{Text: "no", Remedy: "go", Err: unix.EMFILE})
	if err.Error() != "no" || testkit.Hint(err) != "go" || !errors.Is(err, unix.EMFILE) {
		t.Errorf("got %v, %q", err, testkit.Hint(err))
	}
}
