//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// holding is a command below a systemfd --hold that opens the same as withSockets.
func holding(command ...string) []string {
	return append([]string{"systemfd", "--hold"}, withSockets(command...)[1:]...)
}

// closer is a launcher that closes the descriptors of the server.
type closer struct {
	name, tool string
	command    func(t *testing.T, dir, inner string) []string // inner is for the shell
	loops      bool                                           // it starts the server again when that has ended; else by a file
	is         string                                         // what stands at descriptor 3
}

var closers = []closer{
	{"nodemon", "nodemon", func(_ *testing.T, _, inner string) []string {
		return []string{"nodemon", "--watch", "watched", "--signal", "SIGTERM", "--exec", inner} // Go programs live on SIGUSR2
	}, false, "closed"},
	{"npm run", "npm", func(t *testing.T, dir, inner string) []string {
		writePackage(t, dir, inner)
		return []string{"sh", "-c", "while :; do npm run --silent dev; done"}
	}, true, "closed"},
	{"npm run nodemon", "nodemon", func(t *testing.T, dir, inner string) []string {
		writePackage(t, dir, "nodemon --watch watched --signal SIGTERM --exec '"+inner+"'")
		return []string{"npm", "run", "dev"}
	}, false, "closed"},
	{"node --watch", "node", func(t *testing.T, _, inner string) []string {
		return []string{"node", "--watch", source(t, "watched.js"), inner}
	}, false, "closed"},
	{"node --watch 3", "node", func(t *testing.T, _, inner string) []string {
		return []string{"node", "--watch", source(t, "watched.js"), inner, "3"} // node's own
	}, false, "a unix stream socket, connected"},
	{"subprocess", "python3", func(t *testing.T, _, inner string) []string {
		return []string{"python3", source(t, "watcher.py"), inner}
	}, false, "closed"},
	{"tmux", "tmux", func(t *testing.T, dir, inner string) []string {
		tmux := "tmux -f /dev/null -S " + dir + "/tmux "
		t.Cleanup(func() { exec.Command("sh", "-c", tmux+"kill-server").Run() })
		testkit.Write(t, dir, "pane", "while :; do ("+inner+"); done")
		return []string{"sh", "-c", tmux + "new-session -d sh pane; " + tmux + "wait-for never"}
	}, true, "closed"},
}

func writePackage(t *testing.T, dir, script string) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"name": "app", "version": "1.0.0", "scripts": map[string]string{"dev": script}})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Write(t, dir, "package.json", string(text))
}

// start runs the launcher with inner before the server; hold gives the outer systemfd its flag.
func (c closer) start(p *testkit.Project, outer func(...string) []string, inner string) {
	p.T.Helper()
	testkit.Need(p.T, c.tool)
	p.Write("watched", "")
	command := c.command(p.T, p.Dir, inner)
	p.Env = append(p.Env, "NO_UPDATE_NOTIFIER=1")
	p.Start(outer(command...)...)
}

// TestHold has each launcher that closes descriptors restart each strict reader.
func TestHold(t *testing.T) {
	t.Parallel()
	for _, c := range closers {
		for _, s := range strict {
			t.Run(c.name+" "+s.Name, func(t *testing.T) {
				t.Parallel()
				p := testkit.NewProject(t)
				c.start(p, holding, "exec systemfd -- "+s.Command(t)[0]) // exec: a signal for the shell ends the server
				address := p.Opened()
				if c.loops {
					s.Restarts(t, address)
					return
				}
				pid := s.MustAsk(t, address)
				for range 2 {
					pid = restartByFile(t, p.Dir, s, address, pid)
				}
			})
		}
	}
}

// TestWithoutHold has the same launchers fail, and systemfd say what is missing, and the way out.
func TestWithoutHold(t *testing.T) {
	t.Parallel()
	for _, c := range closers {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			c.start(p, withSockets, "systemfd -- touch ran 2>said; echo $? >ended; sleep 60")
			status := testkit.Find(t, "the inner systemfd to end", func() (string, bool) {
				text, err := os.ReadFile(p.Path("ended"))
				return string(text), err == nil && len(text) > 0
			})
			said, err := os.ReadFile(p.Path("said"))
			if err != nil || status != "125\n" {
				t.Errorf("exit status %q, %v", status, err)
			}
			testkit.Says(t, string(said),
				`error: descriptor 3 should be http://`+regexp.QuoteMeta(p.Opened())+`/, but is `+c.is,
				`hint: .* give the outer systemfd --hold`)
			if _, err := os.Stat(p.Path("ran")); err == nil {
				t.Error("the command ran")
			}
		})
	}
}

// watchedNode writes a Node server into dir. A part of it is the file "watched".
func watchedNode(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(source(t, "node.js"))
	if err != nil {
		t.Fatal(err)
	}
	testkit.Write(t, dir, "server.js", "require('./dep.js')\n"+string(text))
	testkit.Write(t, dir, "dep.js", "")
	if err := os.Symlink("dep.js", filepath.Join(dir, "watched")); err != nil {
		t.Fatal(err)
	}
}

// TestHoldEndsWithCommand kills COMMAND: the holder ends, and with it the socket and its path.
func TestHoldEndsWithCommand(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			p.Start(holding("tail", "-f", "/dev/null")...)
			address := p.Opened()
			sockets := awaitHeld(p, 2)
			command, keeper := sockets[0].Owners[0].PID, sockets[0].Holder.PID
			if sockets[1].Address != p.Path("ctl") || !process.IsAlive(keeper) {
				t.Fatalf("what is held is %+v", sockets)
			}
			sendTo(t, command, signal)
			testkit.Dies(t, keeper)
			if !testkit.IsFree(address) {
				t.Errorf("somebody listens at %s", address)
			}
			p.IsGone("ctl")
		})
	}
}

// awaitHeld waits until so many sockets are kept.
func awaitHeld(p *testkit.Project, number int) []testkit.Held {
	p.T.Helper()
	return testkit.Find(p.T, "the holder", func() ([]testkit.Held, bool) {
		sockets := p.Held()
		return sockets, len(sockets) == number
	})
}

// sendTo sends a signal to a process.
func sendTo(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatalf("kill %d: %v", pid, err)
	}
}

// awaitNoOwner waits until two sockets are kept only for the server that uses them.
func awaitNoOwner(p *testkit.Project) {
	p.T.Helper()
	testkit.Await(p.T, "only the server to own the sockets", func() bool {
		sockets := p.Held()
		return len(sockets) == 2 && len(sockets[0].Owners) == 0 && len(sockets[0].Users) == 1
	})
}

// TestHoldOfHeld takes sockets of one holder under --hold: they outlive that holder for as long as COMMAND lives.
func TestHoldOfHeld(t *testing.T) {
	t.Parallel()
	needNames(t)
	testkit.Need(t, "python3")
	for _, s := range strict {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			checkHoldOfHeld(t, s)
		})
	}
}

func checkHoldOfHeld(t *testing.T, s testkit.Server) {
	t.Helper()
	p := testkit.NewProject(t)
	p.KeepHere("-s", "app=http::0", "-s", "ctl=unix::./ctl")
	before := p.Held()
	if len(before) != 2 || before[0].Owners[0].PID != os.Getpid() {
		t.Fatalf("what is held is %+v", before)
	}
	address := before[0].Address
	p.Write("watched", "")
	p.Start("systemfd", "--hold", "--", "python3", source(t, "watcher.py"), "exec systemfd -- "+s.Command(t)[0])
	pid := s.MustAsk(t, address)
	launcher := otherOwner(p)

	if got := p.Run("env", "--unset", "--owner", strconv.Itoa(os.Getpid())); got.Status != 0 {
		t.Fatal(got.Err)
	}
	pid = restartByFile(t, p.Dir, s, address, pid)

	sendTo(t, launcher, syscall.SIGKILL)
	awaitNoOwner(p)
	if _, err := s.Ask(address); err != nil {
		t.Errorf("process %d, which has the socket, does not answer: %v", pid, err)
	}
	testkit.Kill(t, s.Process(pid))
	testkit.Await(t, "nothing to be kept", func() bool { return len(p.Held()) == 0 })
}

// otherOwner returns the one for which something is kept, beside this process.
func otherOwner(p *testkit.Project) (pid int) {
	p.T.Helper()
	owners := map[int]string{}
	for _, socket := range p.Held() {
		for _, owner := range socket.Owners {
			owners[owner.PID] = owner.Name
			if owner.PID != os.Getpid() {
				pid = owner.PID
			}
		}
	}
	if len(owners) != 2 || owners[os.Getpid()] == "" {
		p.T.Fatalf("the owners are %v, want this process and the launcher", owners)
	}
	return pid
}

// isNonblocking reports whether O_NONBLOCK is set on the only TCP socket that a holder keeps. Only Linux tells that about another
// process; elsewhere it is assumed.
func isNonblocking(t *testing.T, keeper int) bool {
	t.Helper()
	if runtime.GOOS != "linux" {
		return true
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", keeper))
	for _, link := range links {
		target, _ := os.Readlink(link)
		inode, isSocket := strings.CutPrefix(strings.TrimSuffix(target, "]"), "socket:[")
		if isSocket && bytes.Contains(table, []byte(" "+inode+" ")) {
			flags := procNumber(t, fmt.Sprintf("/proc/%d/fdinfo/%s", keeper, filepath.Base(link)), "flags", 8)
			return flags&syscall.O_NONBLOCK != 0
		}
	}
	t.Fatalf("holder %d keeps no TCP socket", keeper)
	return false
}

// procNumber returns a field of a file of proc(5) that has each on a line of its own.
func procNumber(t *testing.T, file, field string, base int) uint64 {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`(?m)^` + field + `:\s+(\w+)$`).FindSubmatch(text)
	if match == nil {
		t.Fatalf("%s has no %s:\n%s", file, field, text)
	}
	number, err := strconv.ParseUint(string(match[1]), base, 64)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// below starts a server by systemfd with flags, in a directory of its own and in a shell that reaps it and says "ended".
func below(p *testkit.Project, name, flags string, command []string) *testkit.Running {
	p.T.Helper()
	return p.Folder(name).Start(append([]string{"sh", "-c", "systemfd " + flags + ` -- "$@"; echo ended`, "sh"}, command...)...)
}

// TestHeldSocketChangesServers: gunicorn and Node leave O_NONBLOCK on a kept socket. Then comes a server whose accept(2) must wait.
func TestHeldSocketChangesServers(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "python3")
	p := testkit.NewProject(t)
	p.KeepHere("-s", "app=http::0")
	socket := p.Held()[0]
	for _, nonblocking := range []testkit.Server{gunicorn, node} {
		below(p, nonblocking.Name, "", nonblocking.Command(t))
		testkit.Kill(t, nonblocking.Process(nonblocking.MustAsk(t, socket.Address)))
		if !isNonblocking(t, socket.Holder.PID) {
			t.Errorf("%s does not leave O_NONBLOCK, so this shows nothing", nonblocking.Name)
		}
	}

	blocking := []string{"python3", source(t, "blocking.py")}
	contrary := below(p, "contrary", "--nonblock", blocking)
	testkit.Await(t, "a blocking reader to fail with O_NONBLOCK", func() bool {
		return strings.Contains(contrary.Read("err"), "BlockingIOError") && contrary.Read("out") == "ended\n"
	})

	below(p, "blocking", "", blocking)
	reader := testkit.Server{Name: "python", Line: true, Want: "hello"}
	first := reader.MustAsk(t, socket.Address)
	if again, err := reader.Ask(socket.Address); err != nil || again != first {
		t.Errorf("first process %d answers, then %d: %v", first, again, err)
	}
}
