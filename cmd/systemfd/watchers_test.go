//go:build unix

package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// makefile serves below make's jobserver, which a line that starts with + is given.
const makefile = `serve:
	+systemfd -- $(SERVER)
loop:
	+while :; do systemfd -- $(SERVER); done
open:
	+systemfd -s app=http::0 -s ctl=unix::./ctl --info-file info -- $(MAKE) loop beside
beside:
	touch beside
`

// watchers restart a strict reader when the file "watched" is written; systemfd stands again before it.
var watchers = []struct {
	name    string
	tool    string
	stdin   string
	command func(server []string) []string
}{
	{"entr", "entr", "watched\n", func(server []string) []string {
		return withSockets(append([]string{"entr", "-nr", "systemfd", "--"}, server...)...)
	}},
	{"reflex", "reflex", "", func(server []string) []string {
		return withSockets(append([]string{"reflex", "-r", "^watched$", "-s", "--", "systemfd", "--"}, server...)...)
	}},
	{"entr and make", "entr", "watched\n", func(server []string) []string {
		return withSockets("entr", "-nr", "make", "-j4", "serve", "SERVER="+strings.Join(server, " "))
	}},
}

// TestWatchers has each watcher restart each strict reader.
func TestWatchers(t *testing.T) {
	t.Parallel()
	for _, w := range watchers {
		for _, s := range strict {
			t.Run(w.name+" "+s.Name, func(t *testing.T) {
				t.Parallel()
				testkit.Need(t, w.tool)
				needGNUMake(t)
				command, p := s.Command(t), testkit.NewProject(t)
				p.Write("Makefile", makefile)
				p.Write("watched", "")
				p.StartWith(w.stdin, w.command(command)...)
				address := p.Opened()
				pid := s.MustAsk(t, address)
				for range 3 {
					pid = restartByFile(t, p.Dir, s, address, pid)
				}
			})
		}
	}
}

// needGNUMake is testkit.Need for the make whose jobserver is two descriptors: the BSDs have another one.
func needGNUMake(t *testing.T) {
	t.Helper()
	testkit.Need(t, "make")
	if out, err := exec.Command("make", "--version").Output(); err != nil || !strings.HasPrefix(string(out), "GNU Make") {
		testkit.Lacks(t, "GNU make")
	}
}

// restartByFile writes the file "watched" and returns the process that answers then. It writes again if nothing
// happens: entr loses what is written less than 50 ms after it has started the server. Reflex waits for 0.3 s of peace.
func restartByFile(t *testing.T, dir string, s testkit.Server, address string, old int) int {
	t.Helper()
	var written time.Time
	return testkit.Find(t, "another process to answer", func() (int, bool) {
		if time.Since(written) > time.Second {
			written = time.Now()
			testkit.Write(t, dir, "watched", "// "+written.String()) // a comment, if it is a program
		}
		pid, err := s.Ask(address)
		return pid, err == nil && pid != old
	})
}

// TestBelowMake opens the sockets at the descriptors of make's jobserver, and hands them through another make, which still finds the
// jobserver.
func TestBelowMake(t *testing.T) {
	t.Parallel()
	needGNUMake(t)
	for _, s := range strict {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			command, p := s.Command(t), testkit.NewProject(t)
			p.Write("Makefile", makefile)
			p.Start("make", "-j4", "open", "SERVER="+strings.Join(command, " "))
			s.Restarts(t, p.Opened())
			testkit.Await(t, "the inner make to run two jobs, the second on a token of the outer one's", func() bool {
				_, err := os.Stat(p.Path("beside"))
				return err == nil
			})
		})
	}
}
