//go:build unix

package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Running is a command that stays.
type Running struct {
	*exec.Cmd
	t     testing.TB
	ended chan struct{} // closed once it has
}

// launch starts a command in its directory, its output in the files out and err there. When the test ends, every process
// that it left in the directory is killed.
func launch(t testing.TB, cmd *exec.Cmd) *Running {
	t.Helper()
	r := &Running{cmd, t, make(chan struct{})}
	out, stderr := r.create("out"), r.create("err")
	defer out.Close()
	defer stderr.Close()
	r.Stdout, r.Stderr = out, stderr
	r.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.WaitDelay = Patience
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		r.Wait()
		close(r.ended)
	}()
	t.Cleanup(r.end)
	return r
}

func (r *Running) create(name string) *os.File {
	r.t.Helper()
	f, err := os.Create(filepath.Join(r.Dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

// end kills what is left.
func (r *Running) end() {
	syscall.Kill(-r.Process.Pid, syscall.SIGKILL)
	Await(r.t, "the processes below "+r.Args[0]+" to end", func() bool { return KillIn(r.Dir) == 0 })
	<-r.ended
	if r.t.Failed() {
		out, stderr := r.Read("out"), r.Read("err")
		r.t.Logf("%q printed\n%s\n%s", r.Args, out[max(0, len(out)-4096):], stderr[max(0, len(stderr)-4096):])
	}
}

// Read returns what is in a file of its directory.
func (r *Running) Read(name string) string {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.Dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// Send sends it a signal, and not to its children.
func (r *Running) Send(s syscall.Signal) {
	r.t.Helper()
	if err := r.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// isClosed reports whether a channel is closed, on which nothing is sent.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// AwaitEnd waits for its end, and returns the signal that ended it, or its exit status.
func (r *Running) AwaitEnd() string {
	r.t.Helper()
	Await(r.t, strings.Join(r.Args, " ")+" to end", func() bool { return isClosed(r.ended) })
	status := r.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return status.Signal().String()
	}
	return strconv.Itoa(status.ExitStatus())
}
