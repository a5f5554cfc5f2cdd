//go:build unix

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
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// This file has what can go wrong around a holder. In each case, no process, no socket file and no control socket stays in the end.

// hasNames reports whether the system tells the names of processes.
func hasNames() bool { return process.Name(os.Getpid()) != "" }

// needNames skips the test if it does not.
func needNames(t *testing.T) {
	t.Helper()
	if !hasNames() {
		t.Skip("this system does not tell what a process is called")
	}
}

// checkQuiet fails the test if a command failed, or said something on standard error.
func checkQuiet(t *testing.T, what string, got testkit.Outcome) {
	t.Helper()
	if got.Status != 0 || got.Err != "" {
		t.Errorf("%s: status %d, %s", what, got.Status, got.Err)
	}
}

// checkCloses fails the test if a stop says anything but what it closed.
func checkCloses(t *testing.T, got testkit.Outcome) {
	t.Helper()
	if got.Status != 0 || !regexp.MustCompile(`\A(~> closed .*\n)+\z`).MatchString(got.Err) {
		t.Errorf("stop: status %d, %s", got.Status, got.Err)
	}
}

// checkPassed has a command of a shell get the sockets that are kept for it: the probe finds these.
func checkPassed(p *testkit.Project, environ []string, patterns ...string) {
	p.T.Helper()
	got := p.With(environ, "--", "probe")
	checkQuiet(p.T, "the probe", got)
	testkit.Says(p.T, got.Out, patterns...)
}

// listens is what the probe says of a listener.
func listens(fd int, address string) string {
	return fmt.Sprintf("fd %d .* listening=1 .* %s", fd, regexp.QuoteMeta(address))
}

// checkFree fails the test if somebody has a port.
func checkFree(t *testing.T, address string) {
	t.Helper()
	if !testkit.IsFree(address) {
		t.Error("the port is taken")
	}
}

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
	checkFree(t, address)
}

// killHolder kills the one holder.
func killHolder(p *testkit.Project) {
	p.T.Helper()
	holder := p.Holder()
	syscall.Kill(holder, syscall.SIGKILL)
	testkit.Dies(p.T, holder)
}

// TestHolderIsKilled has a command start the holder again, with the same addresses, for the shell that it runs in.
func TestHolderIsKilled(t *testing.T) {
	t.Parallel()
	needNames(t)
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	address := testkit.FreePort(t)
	environ := p.MustKeep(owner, "-s", "http::"+address, "-s", "unix::./a.sock")
	killHolder(p)
	got := p.With(environ, "--", "sh", "-c", "probe; systemfd status")
	if got.Status != 0 || got.Err != fmt.Sprintf("warning: the holder of %s is gone; starting it again\n", address) {
		t.Errorf("status %d, %s", got.Status, got.Err)
	}
	testkit.Says(t, got.Out, listens(3, address), listens(4, p.Path("a.sock")),
		`.* \(pid \d+\)`, `  http  http://`+regexp.QuoteMeta(address)+`/  open .*`, `.* for sh \(pid `+strconv.Itoa(got.PID)+`\).*`)
	p.AwaitNothing() // with that shell

	os.RemoveAll(filepath.Join(p.Runtime, "systemfd")) // as logind and systemd-tmpfiles do
	got = p.With(environ, "--", "probe")
	if got.Status != 0 {
		t.Errorf("without the directory: status %d, %s", got.Status, got.Err)
	}
	testkit.Says(t, got.Out, listens(3, address))
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
	want := fmt.Sprintf(`error: %s is in use( by systemfd\.test \(pid %d\))?\nhint: `, regexp.QuoteMeta(address), os.Getpid())
	if runtime.GOOS == "linux" { // elsewhere another program has to tell who it is
		want = strings.Replace(want, ")?", ")", 1)
	}
	if got.Status != 125 || got.Out != "" || !regexp.MustCompile(want).MatchString(got.Err) {
		t.Errorf("status %d, %s%swant %q", got.Status, got.Out, got.Err, want)
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
	checkFree(t, address)
}

// TestAnotherProjectHasThePort names it.
func TestAnotherProjectHasThePort(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	other := p.At(testkit.Directory(t))
	owner, end := testkit.Owner(t)
	address, path := testkit.FreePort(t), p.Path("a.sock")
	environ := p.MustKeep(owner, "-s", address, "-s", path)
	name := strings.TrimSuffix(filepath.Base(testkit.Variable(t, environ, "SYSTEMFD_HOLDER")), ".sock")
	user := fmt.Sprintf("the holder of %q (pid %d)\nhint: close it: systemfd stop %s\n", p.Dir, p.Holder(), name)
	_, port, _ := strings.Cut(address, ":")
	taken := []string{address, "unix::" + path, "0.0.0.0:" + port}

	checkHeldBy(other, owner, taken, user) // no holder there
	p.AwaitHolders(1)
	other.MustKeep(owner, "-s", "0")
	p.AwaitHolders(2)
	checkHeldBy(other, owner, taken, user) // a holder there
	if len(p.Held()) != 3 {
		t.Errorf("held is %+v", p.Held())
	}
	end()
	p.AwaitNothing()
}

// checkHeldBy checks that none of the specifications can be kept, because of a user of the socket.
func checkHeldBy(p *testkit.Project, owner int, specs []string, user string) {
	p.T.Helper()
	for _, spec := range specs {
		got := p.Run("env", "-s", "0", "-s", spec, "--owner", strconv.Itoa(owner))
		want := fmt.Sprintf("error: %s is in use by %s", strings.TrimPrefix(spec, "unix::"), user)
		if got.Status != 1 || got.Out != "false;\n" || got.Err != want {
			p.T.Errorf("status %d, %s%swant %s", got.Status, got.Out, got.Err, want)
		}
	}
}

var heldPathTests = map[string]func(path string) error{
	"by a file":      func(path string) error { return os.WriteFile(path, []byte("mine"), 0o600) },
	"by a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	"by a socket":    func(path string) error { return testkit.DeadSocket(path, syscall.SOCK_STREAM) },
}

// TestHeldPathIsReplaced: somebody else puts a socket in the place of a kept one. The new one stays.
func TestHeldPathIsReplaced(t *testing.T) {
	t.Parallel()
	for name, replace := range heldPathTests {
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
			p.IsGone("b.sock") // it was not replaced
		})
	}
}

// TestHolderIsDetached: a holder has nothing of the process that started it.
func TestHolderIsDetached(t *testing.T) {
	t.Parallel()
	p := testkit.NewProject(t)
	owner, end := testkit.Owner(t)
	leak := textFile(t, "leak")
	got := testkit.HandOff(t, func(cmd *exec.Cmd) {
		p.In(cmd)
		cmd.ExtraFiles = []*os.File{leak, leak, leak, leak}
	}, "env", "-q", "-s", "0", "-s", "unix::./a.sock", "--owner", strconv.Itoa(owner))
	checkQuiet(t, "env", got)
	keeper := p.Holder()
	if runtime.GOOS == "linux" { // elsewhere nobody says what kind of file another process has open
		checkDetached(t, keeper)
	}
	if session, err := unix.Getsid(keeper); session != keeper {
		t.Errorf("its session is %d, %v", session, err)
	}
	end()
	p.AwaitNothing()
}

// checkDetached looks at the descriptors and the working directory of a holder with two sockets.
func checkDetached(t *testing.T, keeper int) {
	t.Helper()
	testkit.Await(t, "the holder to have only what it needs", func() bool { // the conversation may still be ending
		counts := openKinds(t, keeper)
		own := counts["anon_inode"] + counts["pidfd"] // two of the Go runtime, two to watch the owner
		return len(counts) <= 4 && counts["/dev/null"] == 3 && counts["socket"] == 3 && own == 4
	})
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", keeper)); cwd != "/" {
		t.Errorf("it is in %q, %v", cwd, err)
	}
}

// openKinds counts what a process has open: sockets, say, but each regular file by its path.
func openKinds(t *testing.T, pid int) (counts map[string]int) {
	t.Helper()
	counts = map[string]int{}
	for _, file := range testkit.OpenFiles(t, pid) {
		kind, _, _ := strings.Cut(file, ":[")
		counts[kind]++
	}
	return counts
}
