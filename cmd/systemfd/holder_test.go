//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is what can go wrong around a holder. Whatever does, no process, no socket file and no control socket
// stays when it is over.

func TestOwnerIsKilled(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	address := testkit.FreePort(t)
	p.MustKeep(owner, "-s", address, "-s", "unix::./a.sock")
	if testkit.IsFree(address) {
		t.Fatal("nothing is held")
	}
	end()
	p.AwaitNothing()
	if !testkit.IsFree(address) {
		t.Error("the port is taken")
	}
}

// TestHolderIsKilled has a command start the holder again, with the same addresses, for the shell that it runs in.
func TestHolderIsKilled(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	address := testkit.FreePort(t)
	environ := p.MustKeep(owner, "-s", "http::"+address, "-s", "unix::./a.sock")
	killed := p.Holder()
	syscall.Kill(killed, syscall.SIGKILL)
	testkit.Dies(t, killed)

	got := p.With(environ, "--", "sh", "-c", "probe; systemfd status")
	if got.Status != 0 || got.Err != fmt.Sprintf("warning: the holder of %s is gone; starting it again\n", address) {
		t.Errorf("status %d, %s", got.Status, got.Err)
	}
	testkit.Says(t, got.Out, "fd 3 .* listening=1 .* "+regexp.QuoteMeta(address), "fd 4 .* listening=1 .* "+regexp.QuoteMeta(p.Path("a.sock")),
		`http +`+regexp.QuoteMeta(address)+` +sh \(pid `+strconv.Itoa(got.PID)+`\) .*`)
	p.AwaitNothing() // with that shell

	os.RemoveAll(filepath.Join(p.Runtime, "systemfd")) // as logind and systemd-tmpfiles do
	got = p.With(environ, "--", "probe")
	if got.Status != 0 {
		t.Errorf("without the folder: status %d, %s", got.Status, got.Err)
	}
	testkit.Says(t, got.Out, "fd 3 .* listening=1 .* "+regexp.QuoteMeta(address))
	end()
	p.AwaitNothing()
}

// TestHolderIsKilledAndPortTaken has somebody else take the port of a dead holder.
func TestHolderIsKilledAndPortTaken(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	address := testkit.FreePort(t)
	environ := p.MustKeep(owner, "-s", address)
	end()
	p.AwaitNothing()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := p.With(environ, "--", "probe")
	want := fmt.Sprintf("error: %s is in use by systemfd.test (pid %d)\nhint: ", address, os.Getpid())
	if got.Status != 125 || got.Out != "" || !strings.Contains(got.Err, want) {
		t.Errorf("status %d, %s%swant %q", got.Status, got.Out, got.Err, want)
	}
}

// TestTwoTerminalsStart has two shells ask for the same socket at the same moment.
func TestTwoTerminalsStart(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	one, _ := testkit.Owner(t)
	two, _ := testkit.Owner(t)
	address := testkit.FreePort(t)
	for range 50 {
		var environs [2][]string
		var terminals sync.WaitGroup
		for i, owner := range []int{one, two} {
			terminals.Go(func() {
				environ, got := p.Keep(owner, "-s", address)
				if got.Status != 0 || got.Err != "" {
					t.Errorf("terminal %d: status %d, %s", i, got.Status, got.Err)
				}
				environs[i] = environ
			})
		}
		terminals.Wait()
		if t.Failed() {
			return
		}
		keeper := p.Holder()
		for _, environ := range environs {
			if pid := testkit.Variable(t, environ, "LISTEN_PID"); pid != strconv.Itoa(keeper) {
				t.Fatalf("the holder is %s, or %d", pid, keeper)
			}
			got := p.With(environ, "--", "probe")
			if got.Status != 0 || got.Err != "" {
				t.Fatalf("status %d, %s", got.Status, got.Err)
			}
			testkit.Says(t, got.Out, "fd 3 .* listening=1 .* "+regexp.QuoteMeta(address))
		}
		if owners := p.Held()[0].Owners; len(owners) != 2 {
			t.Fatalf("the owners are %v", owners)
		}
		if got := p.Run("stop"); got.Status != 0 || got.Err != "" {
			t.Fatalf("stop: status %d, %s", got.Status, got.Err)
		}
		if left := testkit.LeftIn(filepath.Join(p.Runtime, "systemfd")); len(left) > 0 {
			t.Fatalf("stop leaves %v", left)
		}
		if !testkit.IsFree(address) {
			t.Fatal("stop leaves the port taken")
		}
		p.AwaitNothing()
	}
}

// TestClaimMeetsEnd has a claim meet the end of the only owner: it is taken by that holder, or by a new one.
func TestClaimMeetsEnd(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	address, path := testkit.FreePort(t), p.Path("a.sock")
	for i := range 30 {
		first, kill := testkit.Owner(t)
		second, end := testkit.Owner(t)
		p.MustKeep(first, "-s", address, "-s", path)
		var dying sync.WaitGroup
		dying.Go(func() {
			for range i * 40 { // a little later each time
				runtime.Gosched()
			}
			kill()
		})
		environ, got := p.Keep(second, "-s", address, "-s", path)
		dying.Wait()
		if got.Status != 0 || got.Err != "" {
			t.Fatalf("status %d, %s", got.Status, got.Err)
		}
		testkit.Await(t, "one holder", func() bool { return len(p.Holders()) == 1 })
		if got := p.With(environ, "--", "probe"); got.Status != 0 || got.Err != "" {
			t.Fatalf("status %d, %s", got.Status, got.Err)
		}
		testkit.Await(t, "one owner", func() bool {
			held := p.Held()
			return len(held) == 2 && len(held[0].Owners) == 1 && held[0].Owners[0].PID == second
		})
		if c, err := net.Dial("unix", path); err != nil {
			t.Fatal(err)
		} else {
			c.Close()
		}
		end()
		p.AwaitNothing()
	}
}

// TestClaimMeetsStop has a claim meet systemfd stop: neither waits for the other, neither fails.
func TestClaimMeetsStop(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	address := testkit.FreePort(t)
	owner, _ := testkit.Owner(t)
	for range 20 {
		p.MustKeep(owner, "-s", address)
		start := time.Now()
		var both sync.WaitGroup
		both.Go(func() {
			if _, got := p.Keep(owner, "-s", address); got.Status != 0 || got.Err != "" {
				t.Errorf("env: status %d, %s", got.Status, got.Err)
			}
		})
		both.Go(func() {
			if got := p.Run("stop"); got.Status != 0 || got.Err != "" {
				t.Errorf("stop: status %d, %s", got.Status, got.Err)
			}
		})
		both.Wait()
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		if t.Failed() {
			return
		}
		p.Run("stop") // what the claim has started after the first stop
		p.AwaitNothing()
	}
}

func TestHolderIsTerminated(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, _ := testkit.Owner(t)
	address := testkit.FreePort(t)
	p.MustKeep(owner, "-s", address, "-s", "unix::./a.sock")
	for _, ignored := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
		syscall.Kill(p.Holder(), ignored)
		if len(p.Held()) != 2 {
			t.Fatalf("%v ends it", ignored)
		}
	}
	syscall.Kill(p.Holder(), syscall.SIGTERM)
	p.AwaitNothing()
	if !testkit.IsFree(address) {
		t.Error("the port is taken")
	}
}

// TestAnotherProjectHasThePort names it.
func TestAnotherProjectHasThePort(t *testing.T) {
	t.Parallel()
	p, other := testkit.NewProject(t), testkit.Directory(t)
	owner, end := testkit.Owner(t)
	address, path := testkit.FreePort(t), p.Path("a.sock")
	environ := p.MustKeep(owner, "-s", address, "-s", path)
	keeper, name := p.Holder(), strings.TrimSuffix(filepath.Base(testkit.Variable(t, environ, "SYSTEMFD_HOLDER")), ".sock")
	elsewhere := func(cmd *exec.Cmd) { cmd.Dir, cmd.Env = other, p.Env }
	_, port, _ := strings.Cut(address, ":")
	try := func(spec, holders string) {
		t.Helper()
		got := testkit.HandOff(t, elsewhere, "env", "-s", "0", "-s", spec, "--owner", strconv.Itoa(owner))
		bare := strings.TrimPrefix(spec, "unix::")
		want := fmt.Sprintf("error: %s is in use by the holder of %q (pid %d)\nhint: close it: systemfd stop %s\n", bare, p.Dir, keeper, name)
		if got.Status != 1 || got.Out != "false;\n" || got.Err != want {
			t.Errorf("%s: status %d, %s%swant %s", holders, got.Status, got.Out, got.Err, want)
		}
	}
	for _, spec := range []string{address, "unix::" + path, "0.0.0.0:" + port} {
		try(spec, "no holder there")
	}
	p.AwaitHolders(1)
	got := testkit.HandOff(t, elsewhere, "env", "-s", "0", "--owner", strconv.Itoa(owner))
	if got.Status != 0 {
		t.Fatalf("status %d, %s", got.Status, got.Err)
	}
	p.AwaitHolders(2)
	for _, spec := range []string{address, "unix::" + path, "0.0.0.0:" + port} {
		try(spec, "a holder there")
	}
	if len(p.Held()) != 3 {
		t.Errorf("held is %+v", p.Held())
	}
	end()
	p.AwaitNothing()
}

// TestHeldPathIsReplaced has somebody else put a socket where a held one was: that one stays.
func TestHeldPathIsReplaced(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(path string) error{
		"by a file":   func(path string) error { return os.WriteFile(path, []byte("mine"), 0o600) },
		"by a folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"by a socket": func(path string) error { return testkit.DeadSocket(path, syscall.SOCK_STREAM) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			owner, end := testkit.Owner(t)
			path := p.Path("held")
			p.MustKeep(owner, "-s", "unix::"+path, "-s", "unix::./b.sock")
			if err := errors.Join(os.Remove(path), replace(path)); err != nil {
				t.Fatal(err)
			}
			end()
			p.AwaitNothing()
			if _, err := os.Lstat(path); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(p.Path("b.sock")); err == nil {
				t.Error("the path that was not replaced is left")
			}
		})
	}
}

// TestChangedClaim has a client wait in the queue of a socket while what else is claimed changes.
func TestChangedClaim(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	p.MustKeep(owner, "-s", "a=127.0.0.1:0", "-s", "b=unix::./b.sock")
	address := p.Held()[0].Address
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p.MustKeep(owner, "-s", "c=unix::./c.sock", "-s", "a="+address)
	p.MustKeep(owner, "-s", "http::"+address)
	if _, got := p.Keep(owner, "-s", "http::"+address, "-s", "/nowhere/at/all"); got.Status != 1 || !strings.HasPrefix(got.Err, `error: folder "/nowhere/at" does not exist`) {
		t.Errorf("status %d, %s", got.Status, got.Err)
	}
	for _, path := range []string{"b.sock", "c.sock"} {
		if _, err := os.Lstat(p.Path(path)); err == nil {
			t.Errorf("%s is not claimed any more, and stays", path)
		}
	}
	environ := p.MustKeep(owner, "-s", "d="+address, "-s", "e=0")
	if held := p.Held(); len(held) != 2 || held[0].Name != "d" || held[0].Address != address {
		t.Errorf("held is %+v", held)
	}
	serve := exec.Command("systemfd", "--", "probe", "serve")
	serve.Dir, serve.Env = p.Dir, environ
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	answer, err := testkit.Exchange(c, "hello")
	serve.Process.Kill()
	serve.Wait()
	if err != nil || answer != fmt.Sprint(serve.Process.Pid, " hello") {
		t.Errorf("who waited all the time is answered %q, %v", answer, err)
	}
	end()
	p.AwaitNothing()
}

func TestOneOfTwoOwnersEnds(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	one, endOne := testkit.Owner(t)
	two, endTwo := testkit.Owner(t)
	address := testkit.FreePort(t)
	p.MustKeep(one, "-s", address, "-s", "unix::./a.sock")
	environ := p.MustKeep(two, "-s", address)
	endOne()
	testkit.Await(t, "what one owner wanted to be gone", func() bool { return len(p.Held()) == 1 })
	if _, err := os.Lstat(p.Path("a.sock")); err == nil {
		t.Error("the path is left")
	}
	got := p.With(environ, "--", "probe")
	if got.Status != 0 || got.Err != "" {
		t.Errorf("status %d, %s", got.Status, got.Err)
	}
	testkit.Says(t, got.Out, "fd 3 .* listening=1 .* "+regexp.QuoteMeta(address))
	endTwo()
	p.AwaitNothing()
	if !testkit.IsFree(address) {
		t.Error("the port is taken")
	}
}

// TestHolderIsDetached looks at what a holder has of who started it: nothing.
func TestHolderIsDetached(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	leak := textFile(t, "leak")
	got := testkit.HandOff(t, func(cmd *exec.Cmd) {
		p.In(cmd)
		cmd.ExtraFiles = []*os.File{leak, leak, leak, leak}
	}, "env", "-q", "-s", "0", "-s", "unix::./a.sock", "--owner", strconv.Itoa(owner))
	if got.Status != 0 || got.Err != "" {
		t.Fatalf("status %d, %s", got.Status, got.Err)
	}
	keeper := p.Holder()
	var counts map[string]int
	testkit.Await(t, "the holder to have only what it needs", func() bool { // the conversation may still be ending
		counts = map[string]int{}
		for _, file := range testkit.OpenFiles(t, keeper) {
			kind, _, _ := strings.Cut(file, ":[")
			counts[kind]++
		}
		own := counts["anon_inode"] + counts["pidfd"] // of the Go runtime, and to watch the owner
		return len(counts) <= 4 && counts["/dev/null"] == 3 && counts["socket"] == 3 && own == 3
	})
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", keeper)); cwd != "/" {
		t.Errorf("it is in %q, %v", cwd, err)
	}
	if session, err := unix.Getsid(keeper); session != keeper {
		t.Errorf("its session is %d, %v", session, err)
	}
	end()
	p.AwaitNothing()
}
