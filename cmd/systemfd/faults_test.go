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

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is what can go wrong around a holder. Whatever does, no process, no socket file and no control socket
// stays when it is over.

func TestOwnerIsKilled(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	owner, end := sleeper(t)
	address := freePort(t)
	p.mustKeep(owner, "-s", address, "-s", "unix::./a.sock")
	if isFree(address) {
		t.Fatal("nothing is held")
	}
	end()
	p.awaitNothing()
	if !isFree(address) {
		t.Error("the port is taken")
	}
}

// TestHolderIsKilled has a command start the holder again, with the same addresses, for the shell that it runs in.
func TestHolderIsKilled(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	owner, end := sleeper(t)
	environ := p.mustKeep(owner, "-s", "http::127.0.0.1:0", "-s", "unix::./a.sock")
	address := p.held()[0].Address
	killed := p.holder()
	syscall.Kill(killed, syscall.SIGKILL)
	dies(t, killed)

	got := p.with(environ, "--", "sh", "-c", "probe; systemfd status")
	if got.status != 0 || got.err != fmt.Sprintf("warning: the holder of %s is gone; starting it again\n", address) {
		t.Errorf("status %d, %s", got.status, got.err)
	}
	says(t, got.out, "fd 3 .* listening=1 .* "+regexp.QuoteMeta(address), "fd 4 .* listening=1 .* "+regexp.QuoteMeta(p.path("a.sock")),
		`http +`+regexp.QuoteMeta(address)+` +sh \(pid `+strconv.Itoa(got.pid)+`\) .*`)
	p.awaitNothing() // with that shell

	os.RemoveAll(filepath.Join(p.runtime, "systemfd")) // as logind and systemd-tmpfiles do
	got = p.with(environ, "--", "probe")
	if got.status != 0 {
		t.Errorf("without the folder: status %d, %s", got.status, got.err)
	}
	says(t, got.out, "fd 3 .* listening=1 .* "+regexp.QuoteMeta(address))
	end()
	p.awaitNothing()
}

// TestHolderIsKilledAndPortTaken has somebody else take the port of a dead holder.
func TestHolderIsKilledAndPortTaken(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	owner, end := sleeper(t)
	environ := p.mustKeep(owner, "-s", freePort(t))
	address := p.held()[0].Address
	end()
	p.awaitNothing()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := p.with(environ, "--", "probe")
	want := fmt.Sprintf("error: %s is in use by systemfd.test (pid %d)\nhint: ", address, os.Getpid())
	if got.status != 125 || got.out != "" || !strings.Contains(got.err, want) {
		t.Errorf("status %d, %s%swant %q", got.status, got.out, got.err, want)
	}
}

// TestTwoTerminalsStart has two shells ask for the same socket at the same moment.
func TestTwoTerminalsStart(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	one, _ := sleeper(t)
	two, _ := sleeper(t)
	address := freePort(t)
	for range 50 {
		var environs [2][]string
		var terminals sync.WaitGroup
		for i, owner := range []int{one, two} {
			terminals.Go(func() {
				environ, got := p.keep(owner, "-s", address)
				if got.status != 0 || got.err != "" {
					t.Errorf("terminal %d: status %d, %s", i, got.status, got.err)
				}
				environs[i] = environ
			})
		}
		terminals.Wait()
		if t.Failed() {
			return
		}
		keeper := p.holder()
		for _, environ := range environs {
			if pid := variable(t, environ, "LISTEN_PID"); pid != strconv.Itoa(keeper) {
				t.Fatalf("the holder is %s, or %d", pid, keeper)
			}
			got := p.with(environ, "--", "probe")
			if got.status != 0 || got.err != "" {
				t.Fatalf("status %d, %s", got.status, got.err)
			}
			says(t, got.out, "fd 3 .* listening=1 .* "+regexp.QuoteMeta(address))
		}
		if owners := p.held()[0].Owners; len(owners) != 2 {
			t.Fatalf("the owners are %v", owners)
		}
		if got := p.run("stop"); got.status != 0 || got.err != "" {
			t.Fatalf("stop: status %d, %s", got.status, got.err)
		}
		if left := leftIn(filepath.Join(p.runtime, "systemfd")); len(left) > 0 {
			t.Fatalf("stop leaves %v", left)
		}
		if !isFree(address) {
			t.Fatal("stop leaves the port taken")
		}
		p.awaitNothing()
	}
}

// TestClaimMeetsEnd has a claim meet the end of the only owner: it is taken by that holder, or by a new one.
func TestClaimMeetsEnd(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	address, path := freePort(t), p.path("a.sock")
	for i := range 30 {
		first, kill := sleeper(t)
		second, end := sleeper(t)
		p.mustKeep(first, "-s", address, "-s", path)
		var dying sync.WaitGroup
		dying.Go(func() {
			for range i * 40 { // a little later each time
				runtime.Gosched()
			}
			kill()
		})
		environ, got := p.keep(second, "-s", address, "-s", path)
		dying.Wait()
		if got.status != 0 || got.err != "" {
			t.Fatalf("status %d, %s", got.status, got.err)
		}
		testkit.Await(t, "one holder", func() bool { return len(p.holders()) == 1 })
		if got := p.with(environ, "--", "probe"); got.status != 0 || got.err != "" {
			t.Fatalf("status %d, %s", got.status, got.err)
		}
		testkit.Await(t, "one owner", func() bool {
			held := p.held()
			return len(held) == 2 && len(held[0].Owners) == 1 && held[0].Owners[0].PID == second
		})
		if c, err := net.Dial("unix", path); err != nil {
			t.Fatal(err)
		} else {
			c.Close()
		}
		end()
		p.awaitNothing()
	}
}

// TestClaimMeetsStop has a claim meet systemfd stop: neither waits for the other, neither fails.
func TestClaimMeetsStop(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	address := freePort(t)
	owner, _ := sleeper(t)
	for range 20 {
		p.mustKeep(owner, "-s", address)
		start := time.Now()
		var both sync.WaitGroup
		both.Go(func() {
			if _, got := p.keep(owner, "-s", address); got.status != 0 || got.err != "" {
				t.Errorf("env: status %d, %s", got.status, got.err)
			}
		})
		both.Go(func() {
			if got := p.run("stop"); got.status != 0 || got.err != "" {
				t.Errorf("stop: status %d, %s", got.status, got.err)
			}
		})
		both.Wait()
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		if t.Failed() {
			return
		}
		p.run("stop") // what the claim has started after the first stop
		p.awaitNothing()
	}
}

func TestHolderIsTerminated(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	owner, _ := sleeper(t)
	address := freePort(t)
	p.mustKeep(owner, "-s", address, "-s", "unix::./a.sock")
	for _, ignored := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
		syscall.Kill(p.holder(), ignored)
		if len(p.held()) != 2 {
			t.Fatalf("%v ends it", ignored)
		}
	}
	syscall.Kill(p.holder(), syscall.SIGTERM)
	p.awaitNothing()
	if !isFree(address) {
		t.Error("the port is taken")
	}
}

// TestAnotherProjectHasThePort names it.
func TestAnotherProjectHasThePort(t *testing.T) {
	t.Parallel()
	p, other := newProject(t), testkit.Directory(t)
	owner, end := sleeper(t)
	address, path := freePort(t), p.path("a.sock")
	environ := p.mustKeep(owner, "-s", address, "-s", path)
	keeper, name := p.holder(), strings.TrimSuffix(filepath.Base(variable(t, environ, "SYSTEMFD_HOLDER")), ".sock")
	elsewhere := func(cmd *exec.Cmd) { cmd.Dir, cmd.Env = other, p.env }
	_, port, _ := strings.Cut(address, ":")
	try := func(spec, holders string) {
		t.Helper()
		got := handOff(t, elsewhere, "env", "-s", "0", "-s", spec, "--owner", strconv.Itoa(owner))
		bare := strings.TrimPrefix(spec, "unix::")
		want := fmt.Sprintf("error: %s is in use by the holder of %q (pid %d)\nhint: close it: systemfd stop %s\n", bare, p.dir, keeper, name)
		if got.status != 1 || got.out != "false;\n" || got.err != want {
			t.Errorf("%s: status %d, %s%swant %s", holders, got.status, got.out, got.err, want)
		}
	}
	for _, spec := range []string{address, "unix::" + path, "0.0.0.0:" + port} {
		try(spec, "no holder there")
	}
	p.awaitHolders(1)
	got := handOff(t, elsewhere, "env", "-s", "0", "--owner", strconv.Itoa(owner))
	if got.status != 0 {
		t.Fatalf("status %d, %s", got.status, got.err)
	}
	p.awaitHolders(2)
	for _, spec := range []string{address, "unix::" + path, "0.0.0.0:" + port} {
		try(spec, "a holder there")
	}
	if len(p.held()) != 3 {
		t.Errorf("held is %+v", p.held())
	}
	end()
	p.awaitNothing()
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
			p := newProject(t)
			owner, end := sleeper(t)
			path := p.path("held")
			p.mustKeep(owner, "-s", "unix::"+path, "-s", "unix::./b.sock")
			if err := errors.Join(os.Remove(path), replace(path)); err != nil {
				t.Fatal(err)
			}
			end()
			p.awaitNothing()
			if _, err := os.Lstat(path); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(p.path("b.sock")); err == nil {
				t.Error("the path that was not replaced is left")
			}
		})
	}
}

// TestChangedClaim has a client wait in the queue of a socket while what else is claimed changes.
func TestChangedClaim(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	owner, end := sleeper(t)
	p.mustKeep(owner, "-s", "a=127.0.0.1:0", "-s", "b=unix::./b.sock")
	address := p.held()[0].Address
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p.mustKeep(owner, "-s", "c=unix::./c.sock", "-s", "a="+address)
	p.mustKeep(owner, "-s", "http::"+address)
	if _, got := p.keep(owner, "-s", "http::"+address, "-s", "/nowhere/at/all"); got.status != 1 || !strings.HasPrefix(got.err, `error: folder "/nowhere/at" does not exist`) {
		t.Errorf("status %d, %s", got.status, got.err)
	}
	for _, path := range []string{"b.sock", "c.sock"} {
		if _, err := os.Lstat(p.path(path)); err == nil {
			t.Errorf("%s is not claimed any more, and stays", path)
		}
	}
	environ := p.mustKeep(owner, "-s", "d="+address, "-s", "e=0")
	if held := p.held(); len(held) != 2 || held[0].Name != "d" || held[0].Address != address {
		t.Errorf("held is %+v", held)
	}
	serve := exec.Command("systemfd", "--", "probe", "serve")
	serve.Dir, serve.Env = p.dir, environ
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	answer, err := exchange(c, "hello")
	serve.Process.Kill()
	serve.Wait()
	if err != nil || answer != fmt.Sprint(serve.Process.Pid, " hello") {
		t.Errorf("who waited all the time is answered %q, %v", answer, err)
	}
	end()
	p.awaitNothing()
}

func TestOneOfTwoOwnersEnds(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	one, endOne := sleeper(t)
	two, endTwo := sleeper(t)
	address := freePort(t)
	p.mustKeep(one, "-s", address, "-s", "unix::./a.sock")
	environ := p.mustKeep(two, "-s", address)
	endOne()
	testkit.Await(t, "what one owner wanted to be gone", func() bool { return len(p.held()) == 1 })
	if _, err := os.Lstat(p.path("a.sock")); err == nil {
		t.Error("the path is left")
	}
	got := p.with(environ, "--", "probe")
	if got.status != 0 || got.err != "" {
		t.Errorf("status %d, %s", got.status, got.err)
	}
	says(t, got.out, "fd 3 .* listening=1 .* "+regexp.QuoteMeta(address))
	endTwo()
	p.awaitNothing()
	if !isFree(address) {
		t.Error("the port is taken")
	}
}
