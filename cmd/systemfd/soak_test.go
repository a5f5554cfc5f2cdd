//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux, whose /proc tells what a holder has open.

// In this file eight people work at the same time, at random. Then the test looks at what they leave. With SYSTEMFD_TEST_LONG=10m they
// work longer, with SYSTEMFD_TEST_SEED=N each of them types the same lines again.

// desks are where they work: the number of a directory for each. Three have one of their own.
var desks = []int{0, 1, 2, 3, 3, 4, 4, 4}

// soak is what all of them have.
type soak struct {
	*testkit.Project
	seed  uint64
	until time.Time
	desks []*desk
}

// desk is a directory with its four sockets.
type desk struct {
	*testkit.Project
	specs []string
	isOwn bool // one shell works here
	web   string
}

// TestSoak lets them work for a minute.
func TestSoak(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "bash", "dash")
	s := newSoak(t)
	shells := make([]*soakShell, len(desks))
	var working sync.WaitGroup
	for i, number := range desks {
		shells[i] = &soakShell{soak: s, desk: s.desks[number], number: i, did: map[string]int{}}
		working.Go(shells[i].work)
	}
	working.Wait()
	for _, shell := range shells {
		t.Logf("shell %d, %d steps: %v", shell.number, shell.step, shell.did)
	}
	if t.Failed() {
		return
	}
	s.checkHolders()
	for _, shell := range shells {
		shell.leave(shell.number%2 == 0)
	}
	s.checkLeft()
}

// newSoak reads the environment, and makes the directories.
func newSoak(t *testing.T) *soak {
	t.Helper()
	s := &soak{Project: testkit.NewProject(t), seed: rand.Uint64()}
	long, seed := time.Minute, os.Getenv("SYSTEMFD_TEST_SEED")
	var err, badSeed error
	if isLong != "" {
		long, err = time.ParseDuration(isLong)
	}
	if seed != "" {
		s.seed, badSeed = strconv.ParseUint(seed, 10, 64)
	}
	if err != nil || badSeed != nil {
		t.Fatal(err, badSeed)
	}
	t.Logf("SYSTEMFD_TEST_SEED=%d has each shell type the same again", s.seed)
	s.until = time.Now().Add(long)
	for i := range slices.Max(desks) + 1 {
		p := s.Folder(strconv.Itoa(i))
		web := testkit.FreePort(t)
		t.Cleanup(func() {
			testkit.Await(t, "the processes in "+p.Dir+" to end", func() bool { return testkit.KillIn(p.Dir) == 0 })
		})
		specs := []string{"web=http::" + web, "api=" + testkit.FreePort(t), "./a.sock", "b=unix::./b.sock"}
		s.desks = append(s.desks, &desk{Project: p, specs: specs, isOwn: i < 3, web: web})
	}
	return s
}

// checkHolders looks at what each holder has open: a socket for each that it keeps, and one to be asked at; a handle for each
// process that it watches, or two if that owns sockets and uses some; and the standard streams, an epoll for all that is
// watched, and two descriptors of the Go runtime's.
func (s *soak) checkHolders() {
	s.T.Helper()
	for _, d := range s.desks {
		open := ""
		defer func() { s.T.Logf("the holder in %s: %s", d.Dir, open) }()
		testkit.Await(s.T, "the holder in "+d.Dir+" to have no descriptor too many", func() bool {
			held, isThere := d.holder()
			if !isThere {
				return true
			}
			watched := map[int]bool{}
			for _, socket := range held {
				for _, process := range slices.Concat(socket.Owners, socket.Users) {
					watched[process.PID] = true
				}
			}
			files := testkit.OpenFiles(s.T, held[0].Holder.PID)
			sockets, handles := count(files, "socket:"), count(files, "anon_inode:[pidfd]")
			open = fmt.Sprintf("keeps %d sockets, watches %d processes, has %q", len(held), len(watched), files)
			return sockets == len(held)+1 && handles >= len(watched) && handles <= 2*len(watched) && len(files) <= sockets+handles+6
		})
	}
}

// holder returns what the holder of the directory keeps, if there is one.
func (d *desk) holder() (held []testkit.Held, isThere bool) {
	for _, socket := range d.Held() {
		if socket.Directory == d.Dir {
			held = append(held, socket)
		}
	}
	return held, len(held) > 0
}

// count returns how many texts begin so.
func count(texts []string, prefix string) (n int) {
	for _, text := range texts {
		if strings.HasPrefix(text, prefix) {
			n++
		}
	}
	return n
}

// checkLeft looks for what is left once all have gone: no process, no port that somebody has, and no file but paths whose
// holder was killed. Those can be opened again, and then they are gone, too.
func (s *soak) checkLeft() {
	s.T.Helper()
	testkit.Await(s.T, "the holders to end", func() bool {
		breakOff(s.Project)
		return len(s.Holders()) == 0
	})
	checkNothingHeld(s.Project)
	for _, d := range s.desks {
		if processes := processesIn(d.Dir); len(processes) > 0 {
			s.T.Errorf("%q are left in %s", processes, d.Dir)
		}
		checkFree(s.T, d.web)
		d.checkFiles(`^[ab]\.sock$`)
		owner, end := testkit.Owner(s.T)
		d.MustKeep(owner, d.flags(d.specs)...)
		end()
		testkit.Await(s.T, "the last holder to end", func() bool { return len(s.Holders()) == 0 })
		d.checkFiles(`^$`)
	}
	if left := testkit.LeftIn(filepath.Join(s.Runtime, "systemfd")); len(left) > 0 {
		s.T.Errorf("%q is left", left)
	}
}

// checkFiles fails the test if a file of the directory has another name, or is no socket.
func (d *desk) checkFiles(names string) {
	d.T.Helper()
	entries, err := os.ReadDir(d.Dir)
	if err != nil {
		d.T.Fatal(err)
	}
	for _, entry := range entries {
		if !regexp.MustCompile(names).MatchString(entry.Name()) || entry.Type() != os.ModeSocket {
			d.T.Errorf("%s is left in %s", entry, d.Dir)
		}
	}
}

// processesIn returns the command lines of the processes that work in a directory.
func processesIn(dir string) (lines []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == dir {
			text, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "cmdline"))
			lines = append(lines, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return lines
}

// flags are those that open specifications.
func (d *desk) flags(specs []string) (flags []string) {
	for _, spec := range specs {
		flags = append(flags, "-s", spec)
	}
	return flags
}

// ask has a client wait until somebody answers at the desk's first socket, which has to be a process of this number.
func (d *desk) ask(pid func() int) {
	d.T.Helper()
	c, err := net.DialTimeout("tcp", d.web, testkit.Patience)
	if err != nil {
		d.T.Errorf("a client: %v", err)
		return
	}
	defer c.Close()
	want := pid()
	if answer, err := testkit.Exchange(c, "hello"); err != nil || answer != fmt.Sprint(want, " hello") {
		d.T.Errorf("process %d should have answered at %s: %q, %v", want, d.web, answer, err)
	}
}
