//go:build unix

package socket

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// forgetFile returns a socket as a process knows it that did not open it.
func forgetFile(s Socket) Socket {
	s.file = File{}
	return s
}

func shutDown(t *testing.T, s Socket) {
	t.Helper()
	if err := unix.Shutdown(s.FD, unix.SHUT_RDWR); err != nil {
		t.Skip(err) // macOS and the BSDs refuse that of a listener
	}
	if s.Path != "" && !testkit.LinuxSockets {
		t.Skip("only Linux tells")
	}
}

func removePath(t *testing.T, s Socket) {
	t.Helper()
	if err := os.Remove(s.Path); err != nil {
		t.Fatal(err)
	}
}

// damageTest is what is done to a socket, and what is seen then.
type damageTest struct {
	text  string // PATH stands for a path of its own
	do    func(t *testing.T, s Socket)
	want  string
	error string // of the repair, "" if that works
}

func nothing(*testing.T, Socket) {}

var damageTests = map[string]damageTest{
	"TCP":                  {"http::127.0.0.1:0", nothing, "", ""},
	"UDP":                  {"udp::0", nothing, "", ""},
	"unix":                 {"PATH", nothing, "", ""},
	"seqpacket":            {"unix-seqpacket::PATH", nothing, "", ""},
	"datagram":             {"unix-dgram::PATH", nothing, "", ""},
	"TCP, shut down":       {"http::127.0.0.1:0", shutDown, "it was shut down", ""},
	"TCP6, shut down":      {"tcp::[::]:0", shutDown, "it was shut down", ""},
	"unix, shut down":      {"PATH", shutDown, "it was shut down", ""},
	"seqpacket, shut down": {"unix-seqpacket::PATH", shutDown, "it was shut down", ""},
	"unix, removed":        {"PATH", removePath, "its path is gone", ""},
	"seqpacket, removed":   {"unix-seqpacket::PATH", removePath, "its path is gone", ""},
	"datagram, removed":    {"unix-dgram::PATH", removePath, "its path is gone", ""},
	"directory, removed": {"PATH/a", func(t *testing.T, s Socket) {
		removePath(t, s)
		if err := os.Remove(strings.TrimSuffix(s.Path, "/a")); err != nil {
			t.Fatal(err)
		}
	}, "its path is gone", ""},
	"a dead one": {"PATH", func(t *testing.T, s Socket) {
		removePath(t, s)
		deadSocket(t, s.Path, unix.SOCK_STREAM)
	}, "its path is a dead socket", ""},
	"another one": {"PATH", func(t *testing.T, s Socket) {
		removePath(t, s)
		open(t, s.Path, options)
	}, "another socket is at its path", "PATH is in use"},
	"a file": {"PATH", func(t *testing.T, s Socket) {
		removePath(t, s)
		if err := os.WriteFile(s.Path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}, "its path is no socket any more", `"PATH" exists and is a file, not a socket`},
	"something else at its place": {"tcp::0", func(t *testing.T, s Socket) {
		null, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		if err := unix.Dup2(int(null.Fd()), s.FD); err != nil {
			t.Fatal(err)
		}
	}, "", ""},
}

// TestDamage breaks a socket as servers do, looks at it, and repairs it: it is as before, at the same descriptor.
func TestDamage(t *testing.T) {
	t.Parallel()
	for name, test := range damageTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.check(t)
		})
	}
}

func (test damageTest) check(t *testing.T) {
	path := testkit.Directory(t) + "/p"
	o := options
	o.Mode, o.Backlog, o.MakeDirectories = spec.Some[uint32](0o640), 7, true
	wanted := opening(t, strings.ReplaceAll(test.text, "PATH", path), o)
	if err := Check(wanted.Spec); err != nil {
		t.Skip(err)
	}
	s, err := Open(wanted)
	if err != nil {
		t.Fatal(err)
	}
	now := s
	defer func() { now.Close() }()
	test.do(t, s)
	if testkit.LinuxSockets { // elsewhere nobody tells which file a socket has
		now = forgetFile(s)
	}
	if got := now.Damage(); got != test.want {
		t.Fatalf("it says %q, want %q", got, test.want)
	}
	if test.want == "" {
		return
	}
	want := strings.ReplaceAll(test.error, "PATH", path)
	if now, err = now.Repair(); err == nil && want == "" {
		checkRepaired(t, s, now)
	} else if err == nil || want == "" || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("the repair: %v, want %q", err, want)
	}
}

// checkRepaired looks whether a socket is what it was before.
func checkRepaired(t *testing.T, before, after Socket) {
	t.Helper()
	if after.FD != before.FD || after.Opening != before.Opening {
		t.Errorf("it was %+v, and is %+v", before, after)
	}
	if is := Describe(after.FD); !is.Is(before.Spec) || after.Damage() != "" || forgetFile(after).Damage() != "" {
		t.Errorf("it is %+v, %s", is, after.Damage())
	}
	if mode := ModeAt(before.Path); before.Path != "" && mode != before.Mode {
		t.Errorf("mode %+v, want %+v", mode, before.Mode)
	}
	if before.Type.Transport() == spec.Stream {
		connects(t, after, after.Address())
	}
}

// TestRepairFails: another process has the port by now, or the name is in use as long as somebody has the old socket.
func TestRepairFails(t *testing.T) {
	t.Parallel()
	s := open(t, testkit.FreePort(t), options)
	shutDown(t, s)
	other := open(t, s.Address(), options)
	if _, err := s.Repair(); err == nil || !strings.HasPrefix(err.Error(), other.Address()+" is in use") {
		t.Errorf("a taken port: %v", err)
	}
	if !testkit.LinuxSockets {
		return
	}
	abstract := open(t, "@"+testkit.Directory(t), options)
	shutDown(t, abstract)
	if got := abstract.Damage(); got != "it was shut down" {
		t.Errorf("an abstract one: %q", got)
	}
	copied, err := unix.FcntlInt(uintptr(abstract.FD), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := abstract.Repair(); err == nil || !strings.HasPrefix(err.Error(), abstract.Path+" is in use") {
		t.Errorf("an abstract name: %v", err)
	}
	unix.Close(copied)
	// A process that another test is starting has a copy until its exec.
	var repaired Socket
	testkit.Await(t, "the name to be free", func() bool {
		repaired, err = abstract.Repair()
		return err == nil
	})
	if repaired.Damage() != "" || repaired.FD != abstract.FD {
		t.Errorf("an abstract name that is free: %+v, %v", repaired, err)
	}
}
