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
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/holder/wire"
)

// This file is what can go wrong around a holder. Whatever does, no process, no socket file and no control socket
// stays when it is over.

// sleeper starts a process that owns sockets until it is killed, or the test ends.
func sleeper(t *testing.T) (pid int, kill func()) {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	t.Cleanup(kill)
	return cmd.Process.Pid, kill
}

// keep is systemfd env for an owner; it returns the environment of a shell that has evaluated it.
func (p *project) keep(owner int, args ...string) (environ []string, got outcome) {
	p.t.Helper()
	got = handOff(p.t, p.in, append([]string{"env", "-q", "--json", "--owner", strconv.Itoa(owner)}, args...)...)
	if got.status != 0 {
		return nil, got
	}
	var variables map[string]*string
	if err := json.Unmarshal([]byte(got.out), &variables); err != nil {
		p.t.Fatalf("%q: %v", got.out, err)
	}
	environ = slices.Clone(p.env)
	for name, value := range variables {
		if value != nil {
			environ = append(environ, name+"="+*value)
		}
	}
	return environ, got
}

// mustKeep is keep where nothing may go wrong.
func (p *project) mustKeep(owner int, args ...string) []string {
	p.t.Helper()
	environ, got := p.keep(owner, args...)
	if got.status != 0 || got.err != "" {
		p.t.Fatalf("systemfd env %q: status %d, %s", args, got.status, got.err)
	}
	return environ
}

// with runs systemfd in a shell that has evaluated systemfd env: a shell, which owns what has to be started again.
func (p *project) with(environ []string, args ...string) outcome {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), "sh", append([]string{"-c", `systemfd "$@"; exit $?`, "sh"}, args...)...)
	cmd.Dir, cmd.Env = p.dir, environ
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		p.t.Fatal(err)
	}
	return outcome{cmd.Process.Pid, cmd.ProcessState.ExitCode(), out.String(), stderr.String()}
}

// variable returns the last value in an environment.
func variable(t *testing.T, environ []string, name string) string {
	t.Helper()
	for _, v := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	t.Fatalf("%s is not set", name)
	return ""
}

// dies waits until a process is no more, or nobody's child that only has to be waited for.
func dies(t *testing.T, pid int) {
	t.Helper()
	await(t, fmt.Sprintf("process %d to end", pid), func() (struct{}, bool) { return struct{}{}, !isAlive(pid) })
}

func isFree(address string) bool {
	l, err := net.Listen("tcp", address)
	if err == nil {
		l.Close()
	}
	return err == nil
}

// openFiles returns what a process has open.
func openFiles(t *testing.T, pid int) []string {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(links) == 0 {
		t.Fatalf("descriptors of process %d: %v, %v", pid, links, err)
	}
	var files []string
	for _, link := range links {
		if file, err := os.Readlink(link); err == nil {
			files = append(files, file)
		}
	}
	return files
}

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
		if got := handOff(t, p.in, "stop"); got.status != 0 || got.err != "" {
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
		await(t, "one holder", func() (struct{}, bool) { return struct{}{}, len(p.holders()) == 1 })
		if got := p.with(environ, "--", "probe"); got.status != 0 || got.err != "" {
			t.Fatalf("status %d, %s", got.status, got.err)
		}
		await(t, "one owner", func() (struct{}, bool) {
			held := p.held()
			return struct{}{}, len(held) == 2 && len(held[0].Owners) == 1 && held[0].Owners[0].PID == second
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
			if got := handOff(t, p.in, "stop"); got.status != 0 || got.err != "" {
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
		handOff(t, p.in, "stop") // what the claim has started after the first stop
		p.awaitNothing()
	}
}

func TestRuntimeFolderIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(t *testing.T, path string) error
		problem string
	}{
		"a symbolic link":        {func(t *testing.T, path string) error { return os.Symlink(folder(t), path) }, "it is a symbolic link"},
		"a link to nowhere":      {func(_ *testing.T, path string) error { return os.Symlink("/nowhere", path) }, "it is a symbolic link"},
		"a file":                 {func(_ *testing.T, path string) error { return os.WriteFile(path, nil, 0o600) }, "it is not a folder"},
		"writable for the world": {func(_ *testing.T, path string) error { return makeFolder(path, 0o777) }, `others may use it \(mode 0777\)`},
		"readable for the world": {func(_ *testing.T, path string) error { return makeFolder(path, 0o755) }, `others may use it \(mode 0755\)`},
		"another user's":         {func(t *testing.T, path string) error { return makeTheirs(t, path) }, "it belongs to uid 65534"},
		"another user's, and a link": {func(t *testing.T, path string) error {
			return errors.Join(makeTheirs(t, path+"2"), os.Symlink(path+"2", path))
		}, "it is a symbolic link"},
		"writable for all, but stuck": {func(_ *testing.T, path string) error { return makeFolder(path, 0o1777) }, `others may use it \(mode 1777\)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			path := filepath.Join(p.runtime, "systemfd")
			if err := test.prepare(t, path); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(path)
			owner, _ := sleeper(t)
			want := fmt.Sprintf(`folder %q is not safe: %s\nhint: mend it, or set XDG_RUNTIME_DIR to another folder of yours\n`, path, test.problem)
			got := handOff(t, p.in, "env", "-s", "0", "--owner", strconv.Itoa(owner))
			if got.status != 1 || got.out != "false;\n" || !regexp.MustCompile(`\Aerror: `+want+`\z`).MatchString(got.err) {
				t.Errorf("env: status %d, %s%swant %q", got.status, got.out, got.err, want)
			}
			held := append(slices.Clone(p.env), "SYSTEMFD_HOLDER="+path+"/x.sock", "SYSTEMFD_SOCKETS=tcp::"+freePort(t), "LISTEN_FDS=1")
			got = p.with(held, "--", "probe")
			looked := "" // root may fetch from another user's holder, but starts none there
			if strings.HasPrefix(test.problem, "it belongs") {
				looked = "warning: the holder of .* is gone; starting it again\n"
			}
			if got.status != 125 || got.out != "" || !regexp.MustCompile(`\A`+looked+`error: `+want+`\z`).MatchString(got.err) {
				t.Errorf("status %d, %s%swant %q", got.status, got.out, got.err, want)
			}
			if pids := p.holders(); len(pids) > 0 {
				t.Errorf("there is a holder: %v", pids)
			}
		})
	}
}

func makeFolder(path string, mode uint32) error {
	return errors.Join(os.Mkdir(path, 0o700), unix.Chmod(path, mode))
}

func makeTheirs(t *testing.T, path string) error {
	t.Helper()
	if os.Geteuid() != 0 {
		lacks(t, "a second user, for root alone,")
	}
	return errors.Join(os.Mkdir(path, 0o700), os.Chown(path, 65534, 65534))
}

// TestRuntimeFolderFallsBack keeps the control socket in /tmp where XDG_RUNTIME_DIR is of no use. All tests share
// that folder: each has a holder of its own by name.
func TestRuntimeFolderFallsBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T, dir string) string{
		"unset":          func(*testing.T, string) string { return "" },
		"missing":        func(_ *testing.T, dir string) string { return dir + "/missing" },
		"with a blank":   func(_ *testing.T, dir string) string { return dir + "/with blank" },
		"with a bracket": func(_ *testing.T, dir string) string { return dir + "/[a]" },
		"not ours":       func(_ *testing.T, dir string) string { return dir + "/theirs" },
		"relative":       func(*testing.T, string) string { return "relative" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			switch name {
			case "with a blank":
				os.Mkdir(dir+"/with blank", 0o700)
			case "with a bracket":
				os.Mkdir(dir+"/[a]", 0o700)
			case "relative":
				os.Mkdir(dir+"/relative", 0o700)
			case "not ours":
				if err := makeTheirs(t, dir+"/theirs"); err != nil {
					t.Fatal(err)
				}
			}
			owner, end := sleeper(t)
			own := "test-" + filepath.Base(dir)
			in := func(cmd *exec.Cmd) {
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "XDG_RUNTIME_DIR="+test(t, dir))
				if name == "unset" {
					cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "XDG_RUNTIME_DIR=") })
				}
			}
			got := handOff(t, in, "env", "-q", "-s", "0", "--name", own, "--owner", strconv.Itoa(owner))
			control := fmt.Sprintf("/tmp/systemfd-%d/%s.sock", os.Geteuid(), own)
			if got.status != 0 || got.err != "" {
				t.Fatalf("status %d, %s", got.status, got.err)
			}
			says(t, got.out, "export SYSTEMFD_HOLDER='"+regexp.QuoteMeta(control)+"';")
			if got := handOff(t, in, "stop", own); got.status != 0 {
				t.Errorf("stop: status %d, %s", got.status, got.err)
			}
			if _, err := os.Lstat(control); err == nil {
				t.Errorf("%q is left", control)
			}
			end()
		})
	}
}

// TestDeadControlSocket has a holder start where one has died, and refuses to where something else stands.
func TestDeadControlSocket(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	owner, end := sleeper(t)
	if err := os.Mkdir(filepath.Join(p.runtime, "systemfd"), 0o700); err != nil {
		t.Fatal(err)
	}
	control := filepath.Join(p.runtime, "systemfd", "x.sock")
	dead, err := bindOnly(control)
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	if _, err := os.Lstat(control); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"status"}, {"stop", "--all"}} {
		if got := handOff(t, p.in, args...); got.status != 0 || got.err != "" {
			t.Errorf("%q: status %d, %s", args, got.status, got.err)
		}
	}
	environ := p.mustKeep(owner, "--name", "x", "-s", "0")
	if got := p.with(environ, "--", "probe"); got.status != 0 || got.err != "" {
		t.Errorf("status %d, %s", got.status, got.err)
	}
	end()
	p.awaitNothing()
	if err := os.Mkdir(control, 0o700); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(control)
	again, _ := sleeper(t)
	_, got := p.keep(again, "--name", "x", "-s", "unix::./a.sock")
	if got.status != 1 || !strings.HasPrefix(got.err, "error: "+strconv.Quote(control)+" exists and is a folder, not a socket\nhint: remove it") {
		t.Errorf("status %d, %s", got.status, got.err)
	}
}

// talk connects to a control socket and sends what a client should not.
func talk(t *testing.T, control, text string, fds ...int) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: control, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
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

// isAnswered fails the test where a plain request has no answer at once.
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
			p := newProject(t)
			owner, end := sleeper(t)
			environ := p.mustKeep(owner, "-s", "127.0.0.1:0")
			control := variable(t, environ, "SYSTEMFD_HOLDER")
			keeper := p.holder()
			isAnswered(t, control) // the runtime's own descriptors are there from now on
			before := len(openFiles(t, keeper))

			attack(t, control)
			isAnswered(t, control)
			if got := p.with(environ, "--", "probe"); got.status != 0 || got.err != "" {
				t.Errorf("status %d, %s", got.status, got.err)
			}
			await(t, fmt.Sprintf("the holder to have %d descriptors again", before), func() (struct{}, bool) {
				return struct{}{}, len(openFiles(t, keeper)) <= before
			})
			if held := p.held(); p.holder() != keeper || len(held) != 1 || len(held[0].Owners) != 1 || held[0].Owners[0].PID != owner {
				t.Errorf("process %d was the holder; now held is %+v", keeper, held)
			}
			end()
			p.awaitNothing()
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

// TestManySilentClients takes all that a holder serves at once: it lets go of them.
func TestManySilentClients(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	owner, end := sleeper(t)
	control := variable(t, p.mustKeep(owner, "-s", "0"), "SYSTEMFD_HOLDER")
	for range 40 {
		talk(t, control, "")
	}
	if got := handOff(t, p.in, "stop"); got.status != 0 || got.err != "" {
		t.Errorf("status %d, %s", got.status, got.err)
	}
	end()
	p.awaitNothing()
}

// TestManySockets passes more than one SCM_RIGHTS message carries.
func TestManySockets(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	owner, end := sleeper(t)
	args := []string{}
	for range 300 {
		args = append(args, "-s", "127.0.0.1:0")
	}
	environ := p.mustKeep(owner, args...)
	got := p.with(environ, "--", "probe")
	if got.status != 0 || got.err != "" {
		t.Errorf("status %d, %s", got.status, got.err)
	}
	for i, held := range p.held() {
		says(t, got.out, fmt.Sprintf("fd %d .* listening=1 .* %s", 3+i, regexp.QuoteMeta(held.Address)))
	}
	saysNot(t, got.out, "fd 303 .*")

	got = p.with(environ, "--", "sh", "-c", "true") // the same without room for them
	if got.status != 0 {
		t.Errorf("status %d, %s", got.status, got.err)
	}
	limited := exec.CommandContext(t.Context(), "sh", "-c", "ulimit -n 200; exec systemfd -- probe")
	limited.Dir, limited.Env = p.dir, environ
	text, err := limited.CombinedOutput()
	if limited.ProcessState.ExitCode() != 125 || !regexp.MustCompile(`(?m)^error: .*(too many open files|descriptors)`).Match(text) || bytes.Contains(text, []byte("gone")) {
		t.Errorf("with 200 descriptors: %v, %s", err, text)
	}
	// and with room for the sockets, but not twice
	limited = exec.CommandContext(t.Context(), "sh", "-c", "ulimit -n 310; exec systemfd -- probe")
	limited.Dir, limited.Env = p.dir, environ
	if text, err = limited.CombinedOutput(); limited.ProcessState.ExitCode() == 0 {
		says(t, string(text), "fd 302 .* listening=1 .*")
	} else if !regexp.MustCompile(`(?m)^error: .*too many open files`).Match(text) || bytes.Contains(text, []byte("gone")) {
		t.Errorf("with 310 descriptors: %v, %s", err, text)
	}
	end()
	p.awaitNothing()
}

// as runs f on a thread that is another user's. The thread ends with it.
func as(t *testing.T, uid int, f func() error) error {
	t.Helper()
	if os.Geteuid() != 0 {
		lacks(t, "a second user, for root alone,")
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocks
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
			result <- errno
			return
		}
		result <- f()
	}()
	return <-result
}

// TestAnotherUser opens everything up for another user: still the holder does not talk to it.
func TestAnotherUser(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	owner, end := sleeper(t)
	environ := p.mustKeep(owner, "-s", "127.0.0.1:0")
	control := variable(t, environ, "SYSTEMFD_HOLDER")
	for _, path := range []string{p.runtime, filepath.Dir(control), control} {
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
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: int64(patience.Seconds())})
			if err := unix.Connect(fd, &unix.SockaddrUnix{Name: control}); err != nil {
				return err
			}
			unix.Write(fd, []byte(status))
			buf := make([]byte, 1<<16)
			n, err := unix.Read(fd, buf)
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
	p.awaitNothing()
}

// TestAnotherUsersHolder puts a control socket of another user's into our folder: no client talks to it.
func TestAnotherUsersHolder(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	dir := filepath.Join(p.runtime, "systemfd")
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
	environ := append(slices.Clone(p.env), "SYSTEMFD_HOLDER="+control, "SYSTEMFD_SOCKETS=tcp::"+freePort(t), "LISTEN_FDS=1")
	got := p.with(environ, "--", "probe")
	want := fmt.Sprintf("error: the holder at %q is another user's (uid 65534)\n", control)
	if got.status != 125 || got.out != "" || !strings.HasPrefix(got.err, want) {
		t.Errorf("status %d, %s%s", got.status, got.out, got.err)
	}
}

// mounted is an XDG_RUNTIME_DIR on a file system of its own.
func mounted(t *testing.T, p *project, options string) {
	t.Helper()
	err := unix.Mount("tmpfs", p.runtime, "tmpfs", 0, options)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		lacks(t, "the right to mount a tmpfs")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(p.runtime, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// TestRuntimeFolderCannotBeWritten has no room, or no right, for a control socket: nothing is left open or bound.
func TestRuntimeFolderCannotBeWritten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(t *testing.T, p *project)
		want    string
	}{
		"read-only": {func(t *testing.T, p *project) {
			mounted(t, p, "mode=700")
			if err := errors.Join(os.Mkdir(p.runtime+"/systemfd", 0o700), unix.Mount("", p.runtime, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")); err != nil {
				t.Fatal(err)
			}
		}, `cannot make control socket ".*\.sock": read-only file system`},
		"read-only and empty": {func(t *testing.T, p *project) {
			mounted(t, p, "mode=700")
			if err := unix.Mount("", p.runtime, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
		}, `cannot make folder ".*/systemfd": read-only file system`},
		"full":           {func(t *testing.T, p *project) { mounted(t, p, "mode=700,size=4k,nr_inodes=2") }, `cannot make control socket ".*\.sock": no space left on device`},
		"full and empty": {func(t *testing.T, p *project) { mounted(t, p, "mode=700,size=4k,nr_inodes=1") }, `cannot make folder ".*/systemfd": no space left on device`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			test.prepare(t, p)
			owner, _ := sleeper(t)
			address := freePort(t)
			got := handOff(t, p.in, "env", "-s", address, "-s", "unix::./a.sock", "--owner", strconv.Itoa(owner))
			want := `\Aerror: ` + test.want + `\nhint: set XDG_RUNTIME_DIR to a folder of yours that can be written to\n\z`
			if got.status != 1 || got.out != "false;\n" || !regexp.MustCompile(want).MatchString(got.err) {
				t.Errorf("env: status %d, %s%swant %q", got.status, got.out, got.err, want)
			}
			if !isFree(address) {
				t.Error("the port is taken")
			}
			if _, err := os.Lstat(p.path("a.sock")); err == nil {
				t.Error("the path is taken")
			}
			p.awaitNothing()
		})
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
	p, other := newProject(t), folder(t)
	owner, end := sleeper(t)
	address, path := freePort(t), p.path("a.sock")
	p.mustKeep(owner, "-s", address, "-s", path)
	keeper := p.holder()
	elsewhere := func(cmd *exec.Cmd) { cmd.Dir, cmd.Env = other, p.env }
	_, port, _ := strings.Cut(address, ":")
	try := func(spec, holders string) {
		t.Helper()
		got := handOff(t, elsewhere, "env", "-s", "0", "-s", spec, "--owner", strconv.Itoa(owner))
		bare := strings.TrimPrefix(spec, "unix::")
		want := fmt.Sprintf("error: %s is in use by the holder of %q (pid %d)\nhint: close it there: systemfd stop\n", bare, p.dir, keeper)
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

func (p *project) awaitHolders(number int) {
	p.t.Helper()
	await(p.t, fmt.Sprintf("%d holders", number), func() (struct{}, bool) { return struct{}{}, len(p.holders()) == number })
}

// TestHeldPathIsReplaced has somebody else put a socket where a held one was: that one stays.
func TestHeldPathIsReplaced(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(path string) error{
		"by a file":   func(path string) error { return os.WriteFile(path, []byte("mine"), 0o600) },
		"by a folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"by a socket": func(path string) error {
			dead, err := bindOnly(path)
			if err == nil {
				err = dead.Close()
			}
			return err
		},
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
	await(t, "what one owner wanted to be gone", func() (struct{}, bool) { return struct{}{}, len(p.held()) == 1 })
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

// TestHolderIsDetached looks at what a holder has of who started it: nothing.
func TestHolderIsDetached(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	owner, end := sleeper(t)
	leak := textFile(t, "leak")
	got := handOff(t, func(cmd *exec.Cmd) {
		p.in(cmd)
		cmd.ExtraFiles = []*os.File{leak, leak, leak, leak}
	}, "env", "-q", "-s", "0", "-s", "unix::./a.sock", "--owner", strconv.Itoa(owner))
	if got.status != 0 || got.err != "" {
		t.Fatalf("status %d, %s", got.status, got.err)
	}
	keeper := p.holder()
	var counts map[string]int
	await(t, "the holder to have only what it needs", func() (struct{}, bool) { // the conversation may still be ending
		counts = map[string]int{}
		for _, file := range openFiles(t, keeper) {
			kind, _, _ := strings.Cut(file, ":[")
			counts[kind]++
		}
		own := counts["anon_inode"] + counts["pidfd"] // of the Go runtime, and to watch the owner
		return struct{}{}, len(counts) <= 4 && counts["/dev/null"] == 3 && counts["socket"] == 3 && own == 3
	})
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", keeper)); cwd != "/" {
		t.Errorf("it is in %q, %v", cwd, err)
	}
	if session, err := unix.Getsid(keeper); session != keeper {
		t.Errorf("its session is %d, %v", session, err)
	}
	end()
	p.awaitNothing()
}
