//go:build unix

package holder

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// pair returns the two ends of a connection.
func pair(t testing.TB) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(fds[0])
		unix.Close(fds[1])
	})
	return fds[0], fds[1]
}

// pipe returns the read end of a pipe of its own.
func pipe(t testing.TB) int {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	return int(r.Fd())
}

func inode(t testing.TB, fd int) uint64 {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		t.Fatal(err)
	}
	return uint64(stat.Ino)
}

// part is one message of a reply: text, and descriptors with it.
type part struct {
	text string
	fds  []int
}

func TestReceive(t *testing.T) {
	t.Parallel()
	a, b, c := pipe(t), pipe(t), pipe(t)
	tests := []struct {
		name  string
		parts []part
		want  []int
		err   string
	}{
		{"text alone", []part{{`{"Error":"no"}` + "\n", nil}}, nil, ""},
		{"text in pieces", []part{{`{"Er`, nil}, {`ror":"no"`, nil}, {"}", nil}, {"\n", nil}}, nil, ""},
		{"descriptors behind", []part{{`{"Error":"no","Descriptors":3}` + "\n", nil}, {"\x00", []int{a, b, c}}}, []int{a, b, c}, ""},
		{"descriptors in pieces", []part{{`{"Error":"no","Descriptors":3}` + "\n", nil}, {"\x00", []int{c}}, {"\x00", []int{a, b}}}, []int{c, a, b}, ""},
		{"descriptors with the text", []part{{`{"Error":"no","Descriptors":1}` + "\n\x00", []int{b}}}, []int{b}, ""},
		{"nothing", nil, nil, "end of file"},
		{"half a line", []part{{`{"Error":"no"}`, nil}}, nil, "end of file"},
		{"too few descriptors", []part{{`{"Descriptors":2}` + "\n", nil}, {"\x00", []int{a}}}, []int{a}, "end of file"},
		{"garbage", []part{{"garbage\n", nil}}, nil, "invalid character 'g' looking for beginning of value"},
		{"garbage with a descriptor", []part{{"\n", []int{a}}}, []int{a}, "unexpected end of JSON input"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			us, them := pair(t)
			for _, p := range test.parts {
				if err := unix.Sendmsg(them, []byte(p.text), rightsOf(p.fds), nil, 0); err != nil {
					t.Fatal(err)
				}
			}
			unix.Shutdown(them, unix.SHUT_WR)
			answer, fds, err := receive(us)
			defer closeAll(fds)
			switch {
			case test.err == "" && (err != nil || answer.Error != "no"):
				t.Errorf("got %+v, %v", answer, err)
			case test.err != "" && (err == nil || err.Error() != test.err):
				t.Errorf("got error %v, want %q", err, test.err)
			}
			var got, want []uint64
			for _, fd := range fds {
				got = append(got, inode(t, fd))
				if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
					t.Errorf("descriptor %d has flags %d, %v; want FD_CLOEXEC", fd, flags, err)
				}
			}
			for _, fd := range test.want {
				want = append(want, inode(t, fd))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got files %v, want %v", got, want)
			}
		})
	}
}

func rightsOf(fds []int) []byte {
	if len(fds) == 0 {
		return nil
	}
	return unix.UnixRights(fds...)
}

func TestParseRights(t *testing.T) {
	t.Parallel()
	if fds, err := parseRights(nil); fds != nil || err != nil {
		t.Errorf("nothing: got %v, %v", fds, err)
	}
	if fds, err := parseRights([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}); len(fds) > 0 || err == nil {
		t.Errorf("garbage: got %v, %v", fds, err)
	}
}

func TestGone(t *testing.T) {
	t.Parallel()
	for _, err := range []error{unix.ENOENT, unix.ECONNREFUSED, unix.ECONNRESET, unix.EPIPE, errEOF} {
		if got := gone("/x", err); !errors.Is(got, ErrGone) {
			t.Errorf("%v means %v", err, got)
		}
	}
	for _, err := range []error{unix.EAGAIN, unix.EACCES, unix.ENOTSOCK, &Error{"no", ""}} {
		if got := gone("/x", err); errors.Is(got, ErrGone) {
			t.Errorf("%v means that there is no holder", err)
		}
	}
	if got := gone("/x", unix.EACCES).Error(); got != `cannot talk to the holder at "/x": permission denied` {
		t.Errorf("got %q", got)
	}
}

func TestIsAncestor(t *testing.T) {
	t.Parallel()
	for pid, want := range map[int]bool{os.Getppid(): parentOf(os.Getpid()) != 0, os.Getpid(): false, initPID: false, 0: false, -1: false} {
		if pid == os.Getppid() && pid <= initPID {
			continue
		}
		if got := isAncestor(pid); got != want && pid != os.Getppid() || pid == os.Getppid() && !got {
			t.Errorf("isAncestor(%d) = %v", pid, got)
		}
	}
	if parent := parentOf(os.Getpid()); parent != 0 && parent != os.Getppid() {
		t.Errorf("the parent is %d, not %d", parent, os.Getppid())
	}
}

func TestDefaultOwner(t *testing.T) {
	t.Parallel()
	owner := DefaultOwner()
	if owner == os.Getpid() || owner < 1 {
		t.Errorf("the owner is %d", owner)
	}
	if err := unix.Kill(owner, 0); err == unix.ESRCH {
		t.Errorf("the owner %d is dead", owner)
	}
}

func TestOverlaps(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want bool
	}{
		{"3000", "*:3000", true},
		{"3000", "0.0.0.0:3000", true},
		{"3000", "*:3001", false},
		{"3000", "3000", false}, // the same
		{"127.0.0.1:3000", "127.0.0.2:3000", false},
		{"3000", "udp::*:3000", false},
		{"localhost:3000", "*:3000", true},
		{"unix::/a", "unix::/b", false},
		{"unix::/a", "*:0", false},
	}
	for _, test := range tests {
		specs := mustParse(t, test.a, test.b)
		if overlaps(specs[0], specs[1]) != test.want || overlaps(specs[1], specs[0]) != test.want {
			t.Errorf("%s and %s: want %v", test.a, test.b, test.want)
		}
	}
}

func TestErrorAndProcess(t *testing.T) {
	t.Parallel()
	if got := (Process{12, "bash"}).String(); got != "bash (pid 12)" {
		t.Error(got)
	}
	if got := (Process{12, ""}).String(); got != "pid 12" {
		t.Error(got)
	}
	if got := processName(os.Getpid()); got != "" && !strings.HasPrefix(filepath.Base(os.Args[0]), got) {
		t.Errorf("this process is called %q", got)
	}
}
