//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestDirenv has an interactive shell go into a folder with the .envrc of README.md, out of it, and back, and edits it:
// the socket that stays in it is never closed. The holder ends with the shell.
func TestDirenv(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "bash", "direnv")
	p := testkit.NewProject(t)
	outside, inside := p.Path("outside"), p.Path("inside")
	for _, dir := range []string{outside, inside} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	line := regexp.MustCompile(`\*\*direnv\*\*[^\n]*(?:\n[^ \n][^\n]*)*\n\n    (.*)`).FindStringSubmatch(readme(t))
	if line == nil {
		t.Fatal("README.md has no line for direnv")
	}
	edits := time.Duration(0)
	envrc := func(specs string) {
		t.Helper()
		testkit.Write(t, inside, ".envrc", strings.Replace(line[1], "-s http::3000", specs, 1)+"\n")
		edits++ // direnv compares whole seconds
		if edited := time.Now().Add(edits * time.Minute); os.Chtimes(filepath.Join(inside, ".envrc"), edited, edited) != nil {
			t.Fatal("cannot set the time of .envrc")
		}
		allow := exec.Command("direnv", "allow", inside)
		p.In(allow)
		if out, err := allow.CombinedOutput(); err != nil {
			t.Fatalf("direnv allow: %v: %s", err, out)
		}
	}
	envrc("-s http::0 -s gone=./gone.sock")
	p.Write("rc", `eval "$(direnv hook bash)"`)
	tty := p.Terminal("bash", "--noprofile", "--rcfile", p.Path("rc"))
	variables := func() map[string]string {
		t.Helper()
		tty.Does("env -0 >" + p.Path("seen"))
		return environment(p.Read("seen"))
	}

	none := variables()
	tty.Does("cd " + inside)
	entered := variables()
	holder := checkDirenv(p, tty.PID, entered, "http:gone")
	address := p.Held()[0].Address
	inode := listenerInode(t, address)
	checkHolds(t, holder, inode)
	tty.Does("systemfd -- probe >" + p.Path("probe"))
	checkOwnPID(t, p.Read("probe"))
	testkit.Says(t, p.Read("probe"), "env LISTEN_FDNAMES=http:gone", "fd 3 .* "+regexp.QuoteMeta(address))

	tty.Does("cd " + outside)
	if left := variables(); left["OLDPWD"] != inside {
		t.Errorf("the shell is not where it should be: %v", left)
	} else {
		delete(left, "OLDPWD")
		delete(none, "OLDPWD")
		left["PWD"] = none["PWD"]
		checkSame(t, none, left)
	}
	checkHolds(t, holder, inode) // the shell lives on
	client, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	envrc("-s new=udp::0 -s http::0") // gone is gone, new is new
	tty.Does("cd " + inside)
	edited := variables()
	if now := checkDirenv(p, tty.PID, edited, "new:http"); now != holder {
		t.Errorf("the holder is %d, and was %d", now, holder)
	}
	envrc("-s http::0 -s './new.sock'") // in the folder
	tty.Does("true")
	edited = variables()
	if now := checkDirenv(p, tty.PID, edited, "http:unix"); now != holder {
		t.Errorf("the holder is %d, and was %d", now, holder)
	}
	if now := p.Held()[0].Address; now != address || listenerInode(t, address) != inode {
		t.Errorf("what stayed has address %s and inode %s; it was %s, %s", now, listenerInode(t, address), address, inode)
	}
	checkHolds(t, holder, inode)
	if _, err := os.Lstat(filepath.Join(inside, "gone.sock")); err == nil {
		t.Error("what was removed is still there")
	}

	tty.Does("cd " + outside)
	tty.Does("cd " + inside)
	checkSame(t, edited, variables())
	tty.Types("systemfd -- probe serve") // in the foreground, until the hang-up
	if answer, err := testkit.Exchange(client, "queued before"); err != nil || !strings.HasSuffix(answer, " queued before") {
		t.Errorf("the connection from before the edit is answered %q, %v", answer, err)
	}
	tty.HangUp()
	tty.AwaitEnd()
	p.AwaitNothing()
	if left, _ := filepath.Glob(filepath.Join(inside, "*.sock")); len(left) > 0 {
		t.Errorf("%q is left over", left)
	}
}

// checkDirenv looks at what direnv loaded, and returns the holder.
func checkDirenv(p *testkit.Project, owner int, variables map[string]string, names string) (holder int) {
	p.T.Helper()
	holder = p.Holder()
	if variables["LISTEN_FDNAMES"] != names || variables["LISTEN_PID"] != fmt.Sprint(holder) {
		p.T.Errorf("LISTEN_FDNAMES is %q, want %q; LISTEN_PID is %q, want %d", variables["LISTEN_FDNAMES"], names, variables["LISTEN_PID"], holder)
	}
	for _, s := range p.Held() {
		if len(s.Owners) != 1 || s.Owners[0].PID != owner {
			p.T.Errorf("%s is held for %v, want process %d", s.Address, s.Owners, owner)
		}
	}
	return holder
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
