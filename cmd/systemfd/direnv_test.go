//go:build unix

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// direnvShell is a shell on a terminal that goes into a directory with an .envrc, and out of it.
type direnvShell struct {
	*testkit.Terminal
	inside, outside string
	line            string        // of docs/shell-hooks.md, for .envrc
	edits           time.Duration // their number
}

func startDirenv(t *testing.T) *direnvShell {
	t.Helper()
	testkit.Need(t, "bash", "direnv")
	line := regexp.MustCompile("(?s)\n## direnv\n.*?\n```sh\n(.*?)\n```").FindStringSubmatch(page(t, "docs/shell-hooks.md"))
	if line == nil {
		t.Fatal("docs/shell-hooks.md has no line for direnv")
	}
	p := testkit.NewProject(t)
	p.Write("rc", `eval "$(direnv hook bash)"`)
	inside, outside := p.Folder("inside").Dir, p.Folder("outside").Dir
	return &direnvShell{p.Terminal("bash", "--noprofile", "--rcfile", p.Path("rc")), inside, outside, line[1], 0}
}

// edit writes an .envrc for other sockets than docs/shell-hooks.md has.
func (s *direnvShell) edit(specs string) {
	s.T.Helper()
	testkit.Write(s.T, s.inside, ".envrc", strings.Replace(s.line, "-s http::3000", specs, 1)+"\n")
	s.edits++ // direnv compares whole seconds
	if edited := time.Now().Add(s.edits * time.Minute); os.Chtimes(filepath.Join(s.inside, ".envrc"), edited, edited) != nil {
		s.T.Fatal("cannot set the time of .envrc")
	}
	if got := testkit.Finish(s.T, s.Command("direnv", "allow", s.inside)); got.Status != 0 {
		s.T.Fatalf("direnv allow: status %d, %s%s", got.Status, got.Out, got.Err)
	}
}

// variables are those of the shell.
func (s *direnvShell) variables() map[string]string {
	s.T.Helper()
	s.Does("probe environment >" + s.Path("seen"))
	return environment(s.Read("seen"))
}

// checkLoaded looks whether direnv loaded these sockets, kept for the shell. It returns the variables.
func (s *direnvShell) checkLoaded(names string) (variables map[string]string) {
	s.T.Helper()
	variables = s.variables()
	if pid := fmt.Sprint(s.Holder()); variables["LISTEN_FDNAMES"] != names || variables["LISTEN_PID"] != pid {
		s.T.Errorf("LISTEN_FDNAMES is %q, want %q; LISTEN_PID is %q, want %s", variables["LISTEN_FDNAMES"], names, variables["LISTEN_PID"], pid)
	}
	checkOwnersAre(s.Project, s.PID)
	return variables
}

// checkUnloaded looks whether the shell has the variables from before, outside.
func (s *direnvShell) checkUnloaded(before map[string]string) {
	s.T.Helper()
	left := s.variables()
	if left["OLDPWD"] != s.inside {
		s.T.Errorf("the shell is not where it should be: %v", left)
		return
	}
	delete(left, "OLDPWD")
	delete(before, "OLDPWD")
	left["PWD"] = before["PWD"]
	checkSame(s.T, before, left)
}

// kept is a socket in its holder.
type kept struct {
	holder         int
	address, inode string // the inode is known on Linux
}

// http is the socket of that name, which its holder has to have open.
func (s *direnvShell) http() (socket kept) {
	s.T.Helper()
	for _, held := range s.Held() {
		if held.Name == "http" {
			socket = kept{holder: s.Holder(), address: held.Address}
		}
	}
	if runtime.GOOS == "linux" {
		socket.inode = listenerInode(s.T, socket.address)
		checkHolds(s.T, socket.holder, socket.inode)
	}
	return socket
}

// checkStays looks whether the socket is what it was.
func (s *direnvShell) checkStays(socket kept) {
	s.T.Helper()
	if now := s.http(); now != socket {
		s.T.Errorf("what stayed is %+v, and was %+v", now, socket)
	}
}

// TestDirenv has an interactive shell go into a directory with the .envrc of docs/shell-hooks.md, out of it, and back, and edits it:
// the socket that stays in it is never closed. The holder ends with the shell.
func TestDirenv(t *testing.T) {
	t.Parallel()
	s := startDirenv(t)
	s.edit("-s http::0 -s gone=./gone.sock")
	before := s.variables()
	s.Does("cd " + s.inside)
	s.checkLoaded("http:gone")
	socket := s.http()
	s.Does("systemfd -- probe >" + s.Path("probe"))
	checkOwnPID(t, s.Read("probe"))
	testkit.Says(t, s.Read("probe"), "env LISTEN_FDNAMES=http:gone", "fd 3 .* "+regexp.QuoteMeta(socket.address))

	s.Does("cd " + s.outside)
	s.checkUnloaded(before)
	s.checkStays(socket) // the shell lives on
	client := testkit.DialAny(t, "tcp", socket.address)

	s.edit("-s new=udp::0 -s http::0") // gone is gone, new is new
	s.Does("cd " + s.inside)
	s.checkLoaded("new:http")
	s.checkStays(socket)
	s.edit("-s http::0 -s './new.sock'") // in the directory
	s.Does("true")
	edited := s.checkLoaded("http:unix")
	s.checkStays(socket)
	s.IsGone("inside/gone.sock")

	s.Does("cd " + s.outside)
	s.Does("cd " + s.inside)
	checkSame(t, edited, s.variables())
	s.Types("systemfd -- probe serve") // in the foreground, until the hang-up
	if answer, err := testkit.Exchange(client, "queued before"); err != nil || !strings.HasSuffix(answer, " queued before") {
		t.Errorf("the connection from before the edit is answered %q, %v", answer, err)
	}
	s.HangUp()
	s.AwaitEnd()
	s.AwaitNothing()
	s.IsGone("inside/gone.sock", "inside/new.sock")
}

// listenerInode returns the inode of the socket that listens at an IPv4 address: /proc/net/tcp of proc(5).
func listenerInode(t *testing.T, address string) string {
	t.Helper()
	tcp, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	ip := tcp.IP.To4()
	local := fmt.Sprintf("%02X%02X%02X%02X:%04X", ip[3], ip[2], ip[1], ip[0], tcp.Port)
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	const listening, inode = "0A", 9
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > inode && fields[1] == local && fields[3] == listening {
			return fields[inode]
		}
	}
	t.Fatalf("nobody listens at %s", address)
	return ""
}

// checkHolds looks whether a process has a socket open.
func checkHolds(t *testing.T, pid int, inode string) {
	t.Helper()
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, link := range links {
		if target, _ := os.Readlink(link); target == "socket:["+inode+"]" {
			return
		}
	}
	t.Errorf("process %d has %d descriptors, but not the socket with inode %s", pid, len(links), inode)
}
