//go:build linux

package main

import (
	"bytes"
	"encoding/json"
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

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// holding is a command under a systemfd that opens and holds what withSockets does.
func holding(command ...string) []string {
	return append([]string{"systemfd", "--hold"}, withSockets(command...)[1:]...)
}

// closer is a launcher below which the server does not find the descriptors.
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
		write(t, dir, "pane", "while :; do ("+inner+"); done")
		return []string{"sh", "-c", tmux + "new-session -d sh pane; " + tmux + "wait-for never"}
	}, true, "closed"},
}

func writePackage(t *testing.T, dir, script string) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"name": "app", "version": "1.0.0", "scripts": map[string]string{"dev": script}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "package.json", string(text))
}

// start runs the launcher with inner before the server; hold gives the outer systemfd its flag.
func (c closer) start(p *project, outer func(...string) []string, inner string) {
	p.t.Helper()
	testkit.Need(p.t, c.tool)
	p.write("watched", "")
	command := c.command(p.t, p.dir, inner)
	p.env = append(p.env, "NO_UPDATE_NOTIFIER=1")
	p.start(outer(command...)...)
}

// TestHold has each launcher that closes descriptors restart each strict reader.
func TestHold(t *testing.T) {
	t.Parallel()
	for _, c := range closers {
		for _, s := range strict {
			t.Run(c.name+" "+s.name, func(t *testing.T) {
				t.Parallel()
				p := newProject(t)
				c.start(p, holding, "exec systemfd -- "+s.command(t)[0]) // exec: who kills the shell kills the server
				address := p.opened()
				if c.loops {
					s.restarts(t, address)
					return
				}
				pid, err := s.ask(address)
				for range 2 {
					if err != nil {
						t.Fatal(err)
					}
					pid = restartByFile(t, p.dir, s, address, pid)
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
			p := newProject(t)
			c.start(p, withSockets, "systemfd -- touch ran 2>said; echo $? >ended; sleep 60")
			status := await(t, "the inner systemfd to end", func() (string, bool) {
				text, err := os.ReadFile(p.path("ended"))
				return string(text), err == nil && len(text) > 0
			})
			said, err := os.ReadFile(p.path("said"))
			if err != nil || status != "125\n" {
				t.Errorf("exit status %q, %v", status, err)
			}
			says(t, string(said), `error: descriptor 3 should be http://`+regexp.QuoteMeta(p.opened())+`/, but is `+c.is, `hint: .* give the outer systemfd --hold`)
			if _, err := os.Stat(p.path("ran")); err == nil {
				t.Error("the command ran")
			}
		})
	}
}

// watchedNode writes a Node server into dir, of which a part is the file "watched".
func watchedNode(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(source(t, "node.js"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "server.js", "require('./dep.js')\n"+string(text))
	write(t, dir, "dep.js", "")
	if err := os.Symlink("dep.js", filepath.Join(dir, "watched")); err != nil {
		t.Fatal(err)
	}
}

// TestLauncherHintWorks types what the hint for nodemon says.
func TestLauncherHintWorks(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "nodemon", "node")
	p := newProject(t)
	watchedNode(t, p.dir)
	got := p.run("-s", "0", "--", "nodemon", "--version")
	hint := regexp.MustCompile(`(?m)^hint: .*: (systemfd --hold -s 0 -- nodemon .* server\.js)$`).FindStringSubmatch(got.err)
	if hint == nil {
		t.Fatalf("the hint is\n%s", got.err)
	}
	typed := strings.Replace(hint[1], "-s 0", "-s http::0 --info-file info", 1)
	p.start("sh", "-c", typed)
	address := p.opened()
	node := server{name: "node"}
	pid, err := node.ask(address)
	if err != nil {
		t.Fatal(err)
	}
	restartByFile(t, p.dir, node, address, pid)
	if log := p.read("err"); strings.Contains(log, "hint:") {
		t.Errorf("it hints again:\n%s", log)
	}
}

// TestHoldEndsWithCommand kills COMMAND: the holder ends, and with it the socket and its path.
func TestHoldEndsWithCommand(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			p.start(holding("tail", "-f", "/dev/null")...)
			address := p.opened()
			sockets := await(t, "the holder", func() ([]held, bool) {
				sockets := p.held()
				return sockets, len(sockets) == 2
			})
			command, keeper := sockets[0].Owners[0].PID, sockets[0].Holder
			if sockets[1].Address != p.path("ctl") || !process.IsAlive(keeper) {
				t.Fatalf("what is held is %+v", sockets)
			}
			if err := syscall.Kill(command, signal); err != nil {
				t.Fatal(err)
			}
			dies(t, keeper)
			if c, err := net.Dial("tcp", address); err == nil {
				c.Close()
				t.Errorf("somebody listens at %s", address)
			}
			if _, err := os.Lstat(p.path("ctl")); !os.IsNotExist(err) {
				t.Errorf("the path of the unix socket: %v", err)
			}
		})
	}
}

// TestHoldBelowSystemdSocketActivate holds what systemd's own tool has opened, for a launcher that closes it.
func TestHoldBelowSystemdSocketActivate(t *testing.T) {
	t.Parallel()
	testkit.Need(t, activate[0], "python3")
	for _, s := range strict {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p, address := newProject(t), freePort(t)
			p.write("watched", "")
			p.start(slices.Concat(activate, []string{
				"-E", "XDG_RUNTIME_DIR", "-l", address, "-l", p.dir + "/ctl",
				"systemfd", "--hold", "--", "python3", source(t, "watcher.py"), "exec systemfd -- " + s.command(t)[0],
			})...)
			awaitListener(t, address)
			pid, err := s.ask(address)
			if err != nil {
				t.Fatal(err)
			}
			pid = restartByFile(t, p.dir, s, address, pid)

			sockets := p.held()
			if len(sockets) != 2 || sockets[0].Address != address {
				t.Fatalf("what is held is %+v", sockets)
			}
			if err := syscall.Kill(sockets[0].Owners[0].PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			testkit.Await(t, "only the server to own the sockets", func() bool {
				sockets := p.held()
				return len(sockets) == 2 && len(sockets[0].Owners) == 0 && len(sockets[0].Users) == 1
			})
			kill(t, s.process(t, pid))
			dies(t, sockets[0].Holder)
			if _, err := os.Lstat(p.path("ctl")); err != nil {
				t.Errorf("the path was there before us, and is gone: %v", err)
			}
		})
	}
}

// TestHoldOfHeld takes sockets of one holder under --hold: they outlive that holder for as long as COMMAND lives.
func TestHoldOfHeld(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "python3")
	for _, s := range strict {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			p.keepHere("-s", "app=http::0", "-s", "ctl=unix::./ctl")
			before := p.held()
			if len(before) != 2 || before[0].Owners[0].PID != os.Getpid() {
				t.Fatalf("what is held is %+v", before)
			}
			p.write("watched", "")
			p.start("systemfd", "--hold", "--", "python3", source(t, "watcher.py"), "exec systemfd -- "+s.command(t)[0])
			pid, err := s.ask(before[0].Address)
			if err != nil {
				t.Fatal(err)
			}
			owners := map[int]string{}
			for _, socket := range p.held() {
				for _, owner := range socket.Owners {
					owners[owner.PID] = owner.Name
				}
			}
			if name := owners[os.Getpid()]; len(owners) != 2 || name == "" {
				t.Errorf("the owners are %v, want this process and the launcher", owners)
			}
			delete(owners, os.Getpid())

			if got := p.run("env", "--unset", "--owner", strconv.Itoa(os.Getpid())); got.status != 0 {
				t.Fatal(got.err)
			}
			pid = restartByFile(t, p.dir, s, before[0].Address, pid)

			for owner := range owners {
				if err := syscall.Kill(owner, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
			testkit.Await(t, "only the server to own the sockets", func() bool {
				sockets := p.held()
				return len(sockets) == 2 && len(sockets[0].Owners) == 0 && len(sockets[0].Users) == 1
			})
			if _, err := s.ask(before[0].Address); err != nil {
				t.Errorf("process %d, which has the socket, does not answer: %v", pid, err)
			}
			kill(t, s.process(t, pid))
			testkit.Await(t, "nothing to be kept", func() bool { return len(p.held()) == 0 })
		})
	}
}

// isNonblocking reports whether O_NONBLOCK is set on the one TCP socket that a holder keeps.
func isNonblocking(t *testing.T, keeper int) bool {
	t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", keeper))
	for _, link := range links {
		target, _ := os.Readlink(link)
		inode, isSocket := strings.CutPrefix(strings.TrimSuffix(target, "]"), "socket:[")
		if !isSocket || !bytes.Contains(table, []byte(" "+inode+" ")) {
			continue
		}
		info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", keeper, filepath.Base(link)))
		if err != nil {
			t.Fatal(err)
		}
		flags, err := strconv.ParseInt(string(regexp.MustCompile(`(?m)^flags:\s+(\d+)$`).FindSubmatch(info)[1]), 8, 64)
		if err != nil {
			t.Fatal(err)
		}
		return flags&syscall.O_NONBLOCK != 0
	}
	t.Fatalf("holder %d keeps no TCP socket", keeper)
	return false
}

// below starts a server by systemfd with flags, in a folder of its own and in a shell that reaps it and says "ended".
func below(p *project, name, flags string, command []string) *running {
	p.t.Helper()
	return p.folder(name).start(append([]string{"sh", "-c", "systemfd " + flags + ` -- "$@"; echo ended`, "sh"}, command...)...)
}

// TestHeldSocketChangesServers has gunicorn and Node leave O_NONBLOCK on a held socket, and then a server whose
// accept(2) must wait.
func TestHeldSocketChangesServers(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "node", "python3")
	p := newProject(t)
	p.keepHere("-s", "app=http::0")
	socket := p.held()[0]
	node := server{name: "node"}
	for _, nonblocking := range []struct {
		server
		command []string
	}{
		{gunicorn, gunicorn.command(t)},
		{node, []string{"node", source(t, "node.js")}},
	} {
		below(p, nonblocking.name, "", nonblocking.command)
		pid, err := nonblocking.ask(socket.Address)
		if err != nil {
			t.Fatal(err)
		}
		kill(t, nonblocking.process(t, pid))
		if !isNonblocking(t, socket.Holder) {
			t.Errorf("%s does not leave O_NONBLOCK, so this shows nothing", nonblocking.name)
		}
	}

	blocking := []string{"python3", source(t, "blocking.py")}
	contrary := below(p, "contrary", "--nonblock", blocking)
	testkit.Await(t, "a blocking reader to fail with O_NONBLOCK", func() bool {
		return strings.Contains(contrary.read("err"), "BlockingIOError") && contrary.read("out") == "ended\n"
	})

	below(p, "blocking", "", blocking)
	reader := server{name: "python", line: true, want: "hello"}
	first, err := reader.ask(socket.Address)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := reader.ask(socket.Address); err != nil || again != first {
		t.Errorf("first process %d answers, then %d: %v", first, again, err)
	}
}
