//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux, which has strace(1).

// injection is a form of systemfd. Its system calls fail, one after the other.
type injection struct {
	name    string
	args    []string
	below   bool                     // an outer systemfd has opened a socket
	prepare func(p *testkit.Project) // makes what has to exist before each run
	stays   bool                     // it is ended by a signal
	held    bool                     // a holder keeps sockets before, and SYSTEMFD_* say so
	refuses bool                     // its exit status is always 1
	forks   bool                     // what it starts is not looked at: it would not end
	leaves  []string                 // files that are there before it, or after a run that works
}

// injected are the system calls of our own code, and how each fails. Those of the Go runtime are left out: it cannot
// go on without them. close(2) is not among them: it leaves nothing to be done.
var injected = map[string]string{
	"socket": "ENOBUFS", "setsockopt": "ENOMEM", "bind": "EACCES", "listen": "EADDRINUSE", "getsockname": "ENOBUFS", "getsockopt": "ENOMEM",
	"connect": "EACCES", "sendto": "EACCES", "sendmsg": "ENOBUFS", "recvmsg": "ENOMEM", "poll": "ENOMEM", "ppoll": "ENOMEM",
	"openat": "EACCES", "newfstatat": "EACCES", "lstat": "EACCES", "stat": "EACCES", "getdents64": "EIO", "readlinkat": "EACCES", "getcwd": "ENOENT",
	"flock": "EINTR", "unlinkat": "EACCES", "unlink": "EACCES", "mkdirat": "ENOSPC", "mkdir": "ENOSPC", "rmdir": "EACCES", "renameat": "EXDEV", "renameat2": "EXDEV", "rename": "EXDEV",
	"dup2": "EBADF", "fcntl": "EMFILE", "pidfd_open": "EMFILE", "wait4": "ECHILD", "faccessat": "EACCES", "faccessat2": "EACCES", "access": "EACCES",
	"execve": "ENOMEM", "write": "ENOSPC", "read": "EIO", "chdir": "EACCES", "fchdir": "EACCES",
}

var injections = []injection{
	{name: "open", args: []string{"-s", "PORT", "-s", "./a.sock", "--info-file", "info", "--", "true"}, leaves: []string{"a.sock", "info"}},
	{name: "replace", args: []string{"-s", "./dead.sock", "--", "true"}, prepare: func(p *testkit.Project) {
		if err := testkit.DeadSocket(p.Path("dead.sock"), syscall.SOCK_STREAM); err != nil {
			p.T.Fatal(err)
		}
	}, leaves: []string{"dead.sock"}},
	{name: "unit", args: []string{"-u", "app.socket", "--", "true"}, prepare: func(p *testkit.Project) {
		p.Write("app.socket", "[Socket]\nListenStream="+p.Path("made/a.sock")+"\nSocketMode=0600\n")
	}, leaves: []string{"app.socket", "made"}},
	{name: "long path", args: []string{"-s", "./" + strings.Repeat("d", 100) + "/a.sock", "--", "true"}, prepare: func(p *testkit.Project) {
		if err := os.MkdirAll(p.Path(strings.Repeat("d", 100)), 0o700); err != nil {
			p.T.Fatal(err)
		}
	}, leaves: []string{strings.Repeat("d", 100)}},
	{name: "inherited", below: true, args: []string{"--", "true"}},
	{name: "append", below: true, args: []string{"--append", "-s", "./a.sock", "--", "true"}, leaves: []string{"a.sock"}},
	{name: "hold", args: []string{"--hold", "-s", "./a.sock", "-s", "PORT", "--", "true"}, forks: true},
	{name: "held", args: []string{"--", "true"}, held: true},
	{name: "kept", args: []string{"-s", "./kept.sock", "-s", "./a.sock", "--", "true"}, held: true, leaves: []string{"a.sock"}},
	{name: "lazy", args: []string{"--lazy", "-s", "./a.sock", "--info-file", "info", "--", "true"}, stays: true},
	{name: "accept", args: []string{"--accept", "-s", "./a.sock", "--info-file", "info", "--", "true"}, stays: true},
	{name: "inetd", args: []string{"--inetd", "-s", "./a.sock", "--", "true"}, leaves: []string{"a.sock"}},
	{name: "env", args: []string{"env", "--owner", "OWNER", "-s", "./b.sock", "-s", "PORT"}, forks: true},
	{name: "env again", args: []string{"env", "--owner", "OWNER", "-s", "./kept.sock", "-s", "./b.sock"}, held: true, forks: true},
	{name: "status", args: []string{"status"}, held: true},
	{name: "stop", args: []string{"stop"}, held: true, forks: true},
	{name: "inspect", below: true, args: []string{"inspect"}, refuses: true},
}

// TestInjectedFailures fails each system call of our own code once, in every form: the form goes on without it, or ends
// with one clear error and leaves nothing.
func TestInjectedFailures(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "strace", "cc")
	// The command only ends, so that no system call of its own can fail.
	nothing := filepath.Join(t.TempDir(), "nothing")
	if out, err := exec.Command("cc", "-static", "-o", nothing, "testdata/bench/peers/true.c").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, form := range injections {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			form.args = slices.Clone(form.args)
			if last := len(form.args) - 1; form.args[last] == "true" {
				form.args[last] = nothing
			}
			for _, c := range form.mostCalls(t) {
				form.fail(t, c)
			}
		})
	}
}

// mostCalls returns the largest number of calls in three runs. A run whose main goroutine leaves the first thread shows fewer.
func (form injection) mostCalls(t *testing.T) (calls []call) {
	t.Helper()
	for range 3 {
		if more := form.calls(t); len(more) > len(calls) {
			calls = more
		}
	}
	if len(calls) < 10 {
		t.Fatalf("it makes only %v", calls)
	}
	return calls
}

// call is the occurrence of a system call in a run, from 1.
type call struct {
	name string
	when int
}

// ready makes a project as the form wants it, and the arguments.
func (form injection) ready(t *testing.T) (p *testkit.Project, address string, args []string) {
	t.Helper()
	p = testkit.NewProject(t)
	address = testkit.FreePort(t)
	owner, _ := testkit.Owner(t)
	if form.held {
		p.Env = p.MustKeep(owner, "-s", "unix::./kept.sock", "-s", "127.0.0.1:0")
	}
	if form.stays { // below a service manager
		notified := filepath.Join(p.Runtime, "notify")
		manager, err := net.ListenPacket("unixgram", notified)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { manager.Close() })
		p.Env = append(p.Env, "NOTIFY_SOCKET="+notified)
	}
	if form.prepare != nil {
		form.prepare(p)
	}
	replace := strings.NewReplacer("PORT", address, "OWNER", strconv.Itoa(owner))
	for _, arg := range form.args {
		args = append(args, replace.Replace(arg))
	}
	return p, address, args
}

// run runs the form below strace.
func (form injection) run(t *testing.T, p *testkit.Project, args []string, strace ...string) (got testkit.Outcome) {
	t.Helper()
	argv := []string{"strace"}
	if form.below {
		argv = []string{"systemfd", "-q", "-s", "0", "--", "strace"}
	}
	argv = append(argv, strace...)
	if !form.forks {
		argv = append(argv, "-f")
	}
	cmd := p.Command(slices.Concat(argv, []string{"systemfd"}, args)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	form.awaitEnd(t, p, cmd)
	status := cmd.ProcessState.ExitCode()
	if wait := cmd.ProcessState.Sys().(syscall.WaitStatus); wait.Signaled() {
		status = 128 + int(wait.Signal())
	}
	return testkit.Outcome{PID: cmd.Process.Pid, Status: status, Out: out.String(), Err: stderr.String()}
}

// awaitEnd waits for the end of a run. What stays is ended once it has said that it is there.
func (form injection) awaitEnd(t *testing.T, p *testkit.Project, cmd *exec.Cmd) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	stays := form.stays
	testkit.Await(t, "the form to end", func() bool {
		if stays && testkit.Exists(p.Path("info")) {
			stays = false // a second signal would meet a process that is about to end
			syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		}
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
}

// clean removes what was there before, and what a run that works leaves.
func (form injection) clean(p *testkit.Project) {
	for _, name := range form.leaves {
		os.RemoveAll(p.Path(name))
	}
}

// calls returns which of the injected calls the form makes on its first thread: from main on, and up to exec.
func (form injection) calls(t *testing.T) (calls []call) {
	t.Helper()
	p, _, args := form.ready(t)
	defer form.clean(p)
	trace := filepath.Join(t.TempDir(), "trace")
	if got := form.run(t, p, args, "-o", trace); got.Status != 0 && !form.stays && !form.refuses {
		t.Fatalf("without a failure: exit %d, %s", got.Status, got.Err)
	}
	count := map[string]int{}
	for _, line := range firstThread(t, trace) {
		name, args := line[2], line[3]
		count[name]++
		switch {
		case name == "execve" && count[name] == 2: // strace does not count the first, its own
			return append(calls, call{name, 1})
		case injected[name] != "" && name != "execve" && !isRuntimes(name, args):
			calls = append(calls, call{name, count[name]})
		}
	}
	return calls
}

// firstThread returns the lines of a trace that are not of another thread, or process: each with the thread, the call,
// and what it is called with.
func firstThread(t *testing.T, trace string) (lines [][]string) {
	t.Helper()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range regexp.MustCompile(`(?m)^(?:(\d+) +)?(\w+)\((.*)$`).FindAllStringSubmatch(string(text), -1) {
		if len(lines) == 0 || line[1] == lines[0][1] {
			lines = append(lines, line)
		}
	}
	return lines
}

// isRuntimes reports whether a call is the Go runtime's.
func isRuntimes(name, args string) bool {
	return name == "fcntl" && regexp.MustCompile(`^[012], F_GET`).MatchString(args) || strings.Contains(args, "/sys/kernel/mm") ||
		name == "read" && strings.Contains(args, "hpage") || (name == "read" || name == "write") && regexp.MustCompile(`^[012], `).MatchString(args)
}

// fail has one call fail. A run in which that call is on another thread is made again.
func (form injection) fail(t *testing.T, c call) {
	t.Helper()
	what := fmt.Sprintf("%s, call %d of %s", form.name, c.when, c.name)
	for range 5 {
		p, address, args := form.ready(t)
		trace := filepath.Join(t.TempDir(), "trace")
		got := form.run(t, p, args, "-o", trace, "-e", "trace="+c.name, "-e", fmt.Sprintf("inject=%s:error=%s:when=%d", c.name, injected[c.name], c.when))
		text, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		isInjected := bytes.Contains(text, []byte("(INJECTED)"))
		if isInjected {
			form.check(t, what, c.name, p, address, got)
		}
		form.clean(p)
		if isInjected {
			return
		}
	}
	t.Logf("%s: it is not made again", what)
}

// check looks at a run in which a call has failed.
func (form injection) check(t *testing.T, what, name string, p *testkit.Project, address string, got testkit.Outcome) {
	t.Helper()
	switch {
	case strings.Contains(got.Err, "goroutine") || strings.Contains(got.Err, "panic"):
		t.Errorf("%s: it crashes: %s", what, got.Err)
	case form.refuses && got.Status == 1, got.Status == 0, form.stays && got.Status == 128+int(syscall.SIGTERM):
		if form.stays && (strings.HasPrefix(name, "unlink") || strings.Contains(name, "stat")) {
			os.Remove(p.Path("a.sock")) // the call was the one that removes it, or checks whether it is ours
		}
		return // it can do without
	case !form.mayFail(name, got):
		t.Errorf("%s: exit %d, %s%s", what, got.Status, got.Out, got.Err)
	}
	if strings.Count(got.Err, "error: ") != 1 || !regexp.MustCompile(`(?m)^error: [^A-Z].*[^.]$`).MatchString(got.Err) {
		t.Errorf("%s: it says\n%s", what, got.Err)
	}
	if !testkit.IsFree(address) {
		t.Errorf("%s: %s is taken", what, address)
	}
	form.checkLeft(t, what, p)
}

// mayFail reports whether a run may have the exit status of an error of ours, or of COMMAND.
func (form injection) mayFail(name string, got testkit.Outcome) bool {
	switch got.Status {
	case 1:
		return form.args[0][0] != '-' // of a subcommand
	case 2:
		return regexp.MustCompile(`error: cannot read (unit|directory|drop-in) "`).MatchString(got.Err) // or that of its drop-ins
	case 125:
		return true
	case 126:
		return name == "execve" || name == "newfstatat" || strings.Contains(name, "access")
	case 127:
		return name == "newfstatat" || name == "faccessat2"
	}
	return false
}

// checkLeft fails the test if a file is there that was not before.
func (form injection) checkLeft(t *testing.T, what string, p *testkit.Project) {
	t.Helper()
	entries, err := os.ReadDir(p.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		wasThere := form.prepare != nil && slices.Contains(form.leaves, entry.Name()) && entry.Name() != "made"
		if !wasThere && (!form.held || entry.Name() != "kept.sock") {
			t.Errorf("%s: %s is left", what, entry.Name())
		}
	}
}
