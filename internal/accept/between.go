package accept

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/systemfd/systemfd/internal/listenfds"
)

// between is what a child is at first: a program that knows its process ID, sets LISTEN_PID, and becomes the command.
type between struct {
	file string
	argv []string // precedes the arguments of the command
}

// between returns /bin/sh if it passes the environment on unchanged. Otherwise it returns systemfd, which takes three times as long to start.
func (s *server) between() (between, error) {
	environ := s.environOf(netip.AddrPortFrom(netip.IPv6Loopback(), 1))
	script := listenfds.PID + `=$$ exec "$0" "$@"`
	if !slices.ContainsFunc(environ, func(v string) bool { return strings.HasPrefix(v, "PWD=") }) {
		script = "unset PWD; " + script
	}
	shell := between{"/bin/sh", []string{"sh", "-c", script}}
	if s.Argv[0][0] != '-' && shell.keeps(environ) { // bash would read "-" as a flag of exec
		return shell, nil
	}
	self, err := os.Executable()
	argv := append(slices.Clone(s.Nested), "--")
	argv[0] = self // OpenBSD finds the program by it
	return between{self, argv}, err
}

// keeps tries whether a command after b gets environ and LISTEN_PID, and nothing else. Shells set variables of their own, and drop
// variables to which they could not assign.
func (b between) keeps(environ []string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.file)
	cmd.WaitDelay = time.Second / 10
	cmd.Args, cmd.Env = append(slices.Clip(b.argv), "/usr/bin/env"), environ
	out, err := cmd.CombinedOutput()
	if err != nil {
		return false
	}
	got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	want := strings.Split(strings.Join(append(environ, listenfds.PID+"="+strconv.Itoa(cmd.Process.Pid)), "\n"), "\n")
	slices.Sort(got)
	slices.Sort(want)
	return slices.Equal(got, want)
}
