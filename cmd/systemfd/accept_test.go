//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// addresses returns all that --info-file=info in dir tells of.
func addresses(t *testing.T, dir string) (found []string) {
	t.Helper()
	opened(t, dir)
	text, err := os.ReadFile(filepath.Join(dir, "info"))
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(`"address":"([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
		found = append(found, match[1])
	}
	return found
}

// readAll reads a connection to its end.
func readAll(t *testing.T, c net.Conn) string {
	t.Helper()
	c.SetDeadline(time.Now().Add(patience))
	text, err := io.ReadAll(c)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// children returns the processes whose parent is pid, with their states.
func children(t *testing.T, pid int) (states map[int]string) {
	t.Helper()
	states = map[int]string{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
		if fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			states[child] = fields[0]
		}
	}
	return states
}

func awaitChildless(t *testing.T, pid int) {
	t.Helper()
	await(t, "the children to be reaped", func() (struct{}, bool) { return struct{}{}, len(children(t, pid)) == 0 })
}

// TestAccept: each connection has a command of its own, which finds what systemd gives one of Accept=yes.
func TestAccept(t *testing.T) {
	t.Parallel()
	const script = `{ env; echo "pid $$"; ls -l /proc/$$/fd; } >&3; probe options >&3`
	dir := folder(t)
	l := launch(t, dir, "env", "REMOTE_ADDR=evil", "REMOTE_PORT=1", "LISTEN_PIDFDID=1", "SYSTEMFD_HOLDER=/no", "systemfd", "-s", "http::0", "-s", "[::1]:0", "-s", ":0", "-s", "unix::./s", "-s", "unix-seqpacket::./q",
		"--accept", "--info-file", "info", "--", "sh", "-c", script)
	found := addresses(t, dir)
	_, dualPort, err := net.SplitHostPort(found[2])
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ network, address, remote, domain string }{
		{"tcp", found[0], "127.0.0.1", "2"},
		{"tcp", found[1], "::1", "10"},
		{"tcp", "127.0.0.1:" + dualPort, "127.0.0.1", "10"},
		{"tcp", "[::1]:" + dualPort, "::1", "10"},
		{"unix", found[3], "", "1"},
		{"unixpacket", found[4], "", "1"},
	}
	for _, test := range tests {
		c := dialAny(t, test.network, test.address)
		var text string
		if test.network == "unixpacket" {
			buf := make([]byte, 1<<16)
			for n, err := 0, error(nil); err == nil; n, err = c.Read(buf) {
				text += string(buf[:n])
			}
		} else {
			text = readAll(t, c)
		}
		pid := regexp.MustCompile(`(?m)^pid (\d+)$`).FindStringSubmatch(text)
		if pid == nil {
			t.Fatalf("%s: the command prints %q", test.address, text)
		}
		says(t, text, "LISTEN_FDS=1", "LISTEN_FDNAMES=connection", "LISTEN_PID="+pid[1], `.* 3 -> socket:.*`, "domain="+test.domain+" type=[15] .*listening=0 .*")
		says(t, text, "SYSTEMFD_HOLDER=") // no holder is to be looked for
		saysNot(t, text, "LISTEN_PIDFDID=.*", "SYSTEMFD_HOLDER=.+", "SYSTEMFD_SOCKETS=.*", `.* [4-9] -> socket:.*`)
		if test.remote != "" {
			_, port, _ := net.SplitHostPort(c.LocalAddr().String())
			says(t, text, "REMOTE_ADDR="+regexp.QuoteMeta(test.remote), "REMOTE_PORT="+port, ".* keepalive=0 .* nodelay=0 .*")
			if n := strings.Count(text, "REMOTE_"); n != 2 {
				t.Errorf("%d REMOTE_ variables in %s", n, text)
			}
		} else {
			saysNot(t, text, "REMOTE_.*")
		}
	}
	awaitChildless(t, l.Process.Pid)
}

// TestAcceptEnds: a signal stops accepting, goes on to the children, and ends systemfd when they have ended.
func TestAcceptEnds(t *testing.T) {
	t.Parallel()
	for s, name := range map[syscall.Signal]string{syscall.SIGTERM: "terminated", syscall.SIGINT: "interrupt"} {
		for _, inetd := range []bool{false, true} {
			t.Run(fmt.Sprint(name, inetd), func(t *testing.T) {
				t.Parallel()
				dir := folder(t)
				argv := []string{"systemfd", "-q", "-s", "./s", "--accept", "--info-file", "info"}
				if inetd {
					argv = append(argv, "--inetd")
				}
				const script = `trap 'echo once >>told; test -e gate && exit' TERM INT; echo up >>up; while :; do sleep 0.01; done`
				l := launch(t, dir, append(argv, "--", "sh", "-c", script)...)
				address := opened(t, dir)
				first, second := dialAny(t, "unix", address), dialAny(t, "unix", address)
				lines := func(file string) int {
					text, _ := os.ReadFile(filepath.Join(dir, file))
					return strings.Count(string(text), "\n")
				}
				await(t, "two children", func() (struct{}, bool) { return struct{}{}, lines("up") == 2 })
				l.send(t, s)
				await(t, "the children to be told", func() (struct{}, bool) { return struct{}{}, lines("told") == 2 })
				l.isGone(t, "s", "info")
				if n := len(children(t, l.Process.Pid)); n != 2 {
					t.Errorf("%d children, want 2: it waits for them", n)
				}
				write(t, dir, "gate", "")
				l.send(t, syscall.SIGTERM) // another one goes on to them too
				if end := l.awaitEnd(t); end != name {
					t.Errorf("it ends of %s, want %s", end, name)
				}
				first.Close()
				second.Close()
			})
		}
	}
}

// TestAcceptCannotStart: connections for which nothing can start are closed, and the next one is served.
func TestAcceptCannotStart(t *testing.T) {
	t.Parallel()
	for _, inetd := range []bool{false, true} {
		dir := folder(t)
		program := "#!/bin/sh\ncat\n"
		if inetd {
			program = "cat\n" // without #!, which is execvp's /bin/sh
		} else {
			program = strings.Replace(program, "cat", "cat <&3 >&3", 1)
		}
		put := func() {
			write(t, dir, "srv", program)
			if err := os.Chmod(filepath.Join(dir, "srv"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		put()
		argv := []string{"systemfd", "-q", "-s", "tcp::0", "--accept", "--info-file", "info"}
		if inetd {
			argv = append(argv, "--inetd")
		}
		l := launch(t, dir, append(argv, "--", "./srv")...)
		address := opened(t, dir)
		if err := os.Remove(filepath.Join(dir, "srv")); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if text := readAll(t, dialAny(t, "tcp", address)); text != "" {
				t.Errorf("nothing says %q", text)
			}
		}
		await(t, "the errors", func() (struct{}, bool) {
			return struct{}{}, strings.Count(l.read(t, "err"), `error: cannot run "./srv": `) == 3
		})
		put()
		if got, err := getLine(address); err != nil || got != "hello" {
			t.Errorf("then it says %q, %v", got, err)
		}
	}
}

// limit sets a soft limit of a running process; undo sets the old one.
func limit(t *testing.T, pid, resource int, most uint64) (undo func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Prlimit(pid, resource, nil, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: most, Max: old.Max}, nil); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Prlimit(pid, resource, &old, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// checkShortage: while pid is short of something it waits, says so once, does not spin, and loses nothing. The next shortage
// soon after is the same one to a reader.
func checkShortage(t *testing.T, l *launched, address, warning string, shorten func() (undo func())) {
	t.Helper()
	for _, warnings := range []int{1, 0} {
		before := strings.Count(l.read(t, "err"), "warning: ")
		undo := shorten()
		var waiting []net.Conn
		for range 3 {
			waiting = append(waiting, dialAny(t, "tcp", address))
		}
		await(t, "the warning", func() (struct{}, bool) {
			return struct{}{}, strings.Count(l.read(t, "err"), "warning: ") >= before+warnings
		})
		if used := cpuTime(t, l.Process.Pid, time.Second); used > 200*time.Millisecond {
			t.Errorf("it uses %v of CPU time in a second", used)
		}
		if after := strings.Count(l.read(t, "err"), "warning: "); after != before+warnings {
			t.Errorf("it warns %d times", after-before)
		}
		undo()
		for _, c := range waiting {
			if got, err := exchange(c, "hello"); err != nil || got != "hello" {
				t.Errorf("who waited gets %q, %v", got, err)
			}
			c.Close()
		}
	}
	says(t, l.read(t, "err"), warning)
}

// lowestFree is the lowest free descriptor of an acceptor that has nothing to do: beside what it has from us, it has
// the listener twice, and no pipe.
func lowestFree(t *testing.T, pid int) (lowest uint64) {
	t.Helper()
	ours := openFiles(t, os.Getpid())
	return await(t, "the acceptor to be idle", func() (uint64, bool) {
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		open, busy, sockets := map[string]bool{}, false, 0
		for _, link := range links {
			target, err := os.Readlink(link)
			open[filepath.Base(link)] = true
			if slices.Contains(ours, target) {
				continue
			}
			busy = busy || err != nil || strings.HasPrefix(target, "pipe:")
			if strings.HasPrefix(target, "socket:") {
				sockets++
			}
		}
		for lowest = 0; open[strconv.FormatUint(lowest, 10)]; lowest++ {
		}
		return lowest, !busy && sockets == 2
	})
}

// TestAcceptShortOfDescriptors: none for a connection, or one but none to start its child.
func TestAcceptShortOfDescriptors(t *testing.T) {
	t.Parallel()
	for free, warning := range map[uint64]string{
		0: "warning: cannot accept: too many open files; trying again until it works",
		1: `warning: cannot run "cat": too many open files; trying again until it works`,
	} {
		t.Run(fmt.Sprint(free), func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			l := launch(t, dir, "systemfd", "-s", "tcp::0", "--accept", "--inetd", "--info-file", "info", "--", "cat")
			address := opened(t, dir)
			if got, err := getLine(address); err != nil || got != "hello" {
				t.Fatalf("%q, %v", got, err)
			}
			awaitChildless(t, l.Process.Pid)
			checkShortage(t, l, address, warning, func() func() {
				return limit(t, l.Process.Pid, unix.RLIMIT_NOFILE, lowestFree(t, l.Process.Pid)+free)
			})
		})
	}
}

// TestAcceptShortOfProcesses runs as a user of its own, since the limit counts all that a user has, and root has none.
func TestAcceptShortOfProcesses(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		lacks(t, "a second user, for root alone,")
	}
	need(t, "setpriv", "prlimit")
	const uid = "54321"
	if _, err := user.LookupId(uid); err == nil {
		t.Skipf("user %s is somebody", uid)
	}
	dir := folder(t)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("systemfd")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(program) // a folder of ours is nobody else's
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "systemfd"), text, 0o755); err != nil {
		t.Fatal(err)
	}
	l := launch(t, dir, "setpriv", "--reuid", uid, "--clear-groups", "./systemfd", "-s", "tcp::0", "--accept", "--inetd", "--info-file", "info", "--", "cat")
	address := opened(t, dir)
	checkShortage(t, l, address, `warning: cannot run "cat": resource temporarily unavailable; trying again until it works`,
		func() func() {
			set := func(most string) { // only who has the same uid may
				out, err := exec.Command("setpriv", "--reuid", uid, "--clear-groups", "prlimit", "--pid", strconv.Itoa(l.Process.Pid), "--nproc="+most+":").CombinedOutput()
				if err != nil {
					t.Fatalf("prlimit: %v: %s", err, out)
				}
			}
			set("0")
			return func() { set("1000") }
		})
}

// TestAcceptLeavesOthers: when systemfd ends, a path that is somebody else's by now stays.
func TestAcceptLeavesOthers(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(t *testing.T, path string){
		"a file": func(t *testing.T, path string) { write(t, filepath.Dir(path), filepath.Base(path), "precious") },
		"a live socket": func(t *testing.T, path string) {
			other, err := bindOnly(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { other.Close() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			l := launch(t, dir, "systemfd", "-q", "-s", "./a.sock", "-s", "./b.sock", "--accept", "--info-file", "info", "--", "cat")
			await(t, "the sockets", func() (struct{}, bool) {
				_, err := os.Lstat(filepath.Join(dir, "info"))
				return struct{}{}, err == nil
			})
			for _, file := range []string{"a.sock", "info"} {
				if err := os.Remove(filepath.Join(dir, file)); err != nil {
					t.Fatal(err)
				}
				replace(t, filepath.Join(dir, file))
			}
			before, err := os.Lstat(filepath.Join(dir, "a.sock"))
			if err != nil {
				t.Fatal(err)
			}
			l.send(t, syscall.SIGTERM)
			if got := l.awaitEnd(t); got != "terminated" {
				t.Errorf("it ends with %s", got)
			}
			if after, err := os.Lstat(filepath.Join(dir, "a.sock")); err != nil || !os.SameFile(before, after) {
				t.Errorf("at the path is %v, %v", after, err)
			}
			if _, err := os.Lstat(filepath.Join(dir, "info")); err != nil {
				t.Error(err)
			}
			l.isGone(t, "b.sock")
		})
	}
}

// TestStayAsInit: process 1 of a pid namespace has no default actions; a signal ends it all the same, as a shell says it.
func TestStayAsInit(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"--lazy", "--accept"} {
		for signal, want := range map[syscall.Signal]string{syscall.SIGTERM: "143", syscall.SIGHUP: "129", syscall.SIGINT: "130"} {
			t.Run(fmt.Sprint(form, " ", signal), func(t *testing.T) {
				t.Parallel()
				dir := folder(t)
				argv := inPIDNamespace(t, "sh", "-c", "trap '' HUP INT TERM; exec env --default-signal=HUP,INT,TERM systemfd -q "+form+" -s ./a.sock --info-file info -- cat")
				l := launch(t, dir, argv...)
				await(t, "the socket", func() (struct{}, bool) {
					_, err := os.Lstat(filepath.Join(dir, "info"))
					return struct{}{}, err == nil
				})
				pids, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", l.Process.Pid, l.Process.Pid))
				if err != nil {
					t.Fatal(err)
				}
				pid, err := strconv.Atoi(strings.TrimSpace(string(pids)))
				if err != nil {
					t.Fatal(err)
				}
				if err := syscall.Kill(pid, signal); err != nil {
					t.Fatal(err)
				}
				if got := l.awaitEnd(t); got != want {
					t.Errorf("it ends with %s, want %s", got, want)
				}
				l.isGone(t, "a.sock", "info")
			})
		}
	}
}

// TestAcceptMany: 500 at once, each with a cat of its own; then all are reaped.
func TestAcceptMany(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	l := launch(t, dir, "systemfd", "-q", "-s", "tcp::0", "--accept", "--inetd", "--info-file", "info", "--", "cat")
	address := opened(t, dir)
	var answered, closing sync.WaitGroup
	enough := make(chan struct{})
	for i := range 500 {
		answered.Add(1)
		closing.Go(func() {
			var c net.Conn
			var err error
			want := fmt.Sprintf("hello %d", i)
			if c, err = net.DialTimeout("tcp", address, patience); err != nil {
				t.Error(err)
				answered.Done()
				return
			}
			defer c.Close()
			if got, err := exchange(c, want); err != nil || got != want {
				t.Errorf("%d gets %q, %v", i, got, err)
			}
			answered.Done()
			<-enough
		})
	}
	answered.Wait()
	if n := len(children(t, l.Process.Pid)); n != 500 {
		t.Errorf("%d children serve 500 connections", n)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if threads, _ := strconv.Atoi(string(regexp.MustCompile(`(?m)^Threads:\s+(\d+)$`).FindSubmatch(status)[1])); threads > 50 {
		t.Errorf("it has %d threads for 500 children", threads)
	}
	close(enough)
	closing.Wait()
	awaitChildless(t, l.Process.Pid)
	l.send(t, syscall.SIGTERM)
	if end := l.awaitEnd(t); end != "terminated" {
		t.Errorf("it ends of %s", end)
	}
	if text := l.read(t, "err"); text != "" {
		t.Errorf("it says %q", text)
	}
}

// TestAcceptUnit: Accept=yes of a unit is --accept.
func TestAcceptUnit(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	write(t, dir, "echo.socket", "[Socket]\nListenStream=/no/such/a\nListenSequentialPacket=/no/such/b\nAccept=yes\n")
	launch(t, dir, "systemfd", "-q", "-u", "echo.socket", "--map", "/no/such/a=./a", "--map", "/no/such/b=./b", "--inetd", "--info-file", "info", "--", "cat")
	for i, network := range []string{"unix", "unixpacket"} {
		if got, err := exchange(dialAny(t, network, addresses(t, dir)[i]), "hello"); err != nil || got != "hello" {
			t.Errorf("%s: %q, %v", network, got, err)
		}
	}
}

// TestInetdNonblock: the connection blocks, unless --nonblock says otherwise.
func TestInetdNonblock(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ flag, want string }{{"--quiet", "02"}, {"--nonblock", "04002"}} {
		for _, inetd := range []bool{true, false} {
			dir := folder(t)
			argv := []string{"systemfd", "-q", test.flag, "-s", "./s", "--accept", "--info-file", "info"}
			fd := "3"
			if inetd {
				argv, fd = append(argv, "--inetd"), "0"
			}
			launch(t, dir, append(argv, "--", "sh", "-c", fmt.Sprintf("grep flags: /proc/self/fdinfo/%s >&%s", fd, fd))...)
			if got := strings.Fields(readAll(t, dialAny(t, "unix", opened(t, dir)))); len(got) != 2 || got[1] != test.want {
				t.Errorf("%q: flags %q, want %s", argv, got, test.want)
			}
		}
	}
}

// TestSSH serves a real ssh client by sshd -i.
func TestSSH(t *testing.T) {
	t.Parallel()
	need(t, "ssh", "ssh-keygen", "setpriv")
	sshd := "/usr/sbin/sshd"
	if _, err := os.Stat(sshd); err != nil {
		lacks(t, "openssh-server")
	}
	me, err := user.Current()
	if err != nil {
		lacks(t, "an entry of this user in passwd(5)")
	}
	dir := folder(t)
	if me.Uid == "0" { // where sshd is not a service, nobody has made its folder
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"host", "client"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
	}
	write(t, dir, "config", fmt.Sprintf("HostKey %s/host\nAuthorizedKeysFile %s/client.pub\nStrictModes no\nPidFile none\nUsePAM no\nPermitRootLogin yes\nPrintMotd no\nAllowUsers %s\n", dir, dir, me.Username))
	l := launch(t, dir, "systemfd", "-q", "-s", "tcp::0", "--accept", "--inetd", "--info-file", "info", "--", sshd, "-i", "-e", "-f", dir+"/config")
	_, port, err := net.SplitHostPort(opened(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		ssh := exec.CommandContext(t.Context(), "ssh", "-F", "none", "-p", port, "-i", dir+"/client", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile="+dir+"/known",
			"-o", "BatchMode=yes", me.Username+"@127.0.0.1", "cat; echo $SSH_CONNECTION")
		ssh.Stdin = strings.NewReader("hello\n")
		out, err := ssh.Output()
		want := fmt.Sprintf(`^hello\n127\.0\.0\.1 \d+ 127\.0\.0\.1 %s\n$`, port)
		if err != nil || !regexp.MustCompile(want).Match(out) {
			t.Fatalf("ssh %d: %v, %q, %s", i, err, out, l.read(t, "err"))
		}
	}
	awaitChildless(t, l.Process.Pid)
}

// TestInheritedChannel: Java takes the listener from descriptor 0, where --inetd without --accept puts it.
func TestInheritedChannel(t *testing.T) {
	t.Parallel()
	need(t, "java")
	if _, err := exec.LookPath("javac"); err != nil { // java alone does not run a source file
		lacks(t, "javac")
	}
	for _, spec := range []string{"tcp::0", "unix::./s"} {
		dir := folder(t)
		l := launch(t, dir, "systemfd", "-q", "-s", spec, "--inetd", "--info-file", "info", "--", "java", "-XX:TieredStopAtLevel=1", source(t, "Inherited.java"))
		network, _, _ := strings.Cut(spec, "::")
		c := dialAny(t, network, opened(t, dir))
		got, err := exchange(c, "hello")
		if want := fmt.Sprintf("%d java", l.Process.Pid); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", spec, got, err, want)
		}
	}
}

// TestBus starts a D-Bus daemon from the unit that Debian ships, when the first client comes, which it then answers.
func TestBus(t *testing.T) {
	t.Parallel()
	need(t, "dbus-daemon", "dbus-send")
	unit := shippedUnit(t, "/dbus-user-session/usr/lib/systemd/user/dbus.socket")
	for _, flags := range [][]string{nil, {"--lazy"}} {
		dir := folder(t)
		from := "/run/bus"
		if os.Geteuid() != 0 {
			from = dir + "/bus"
		}
		argv := append([]string{"systemfd", "-q", "-u", unit, "--map", from + "=./my.bus", "--info-file", "info"}, flags...)
		l := launch(t, dir, append(argv, "--", "dbus-daemon", "--session", "--address=systemd:", "--nofork", "--nopidfile", "--nosyslog")...)
		address := opened(t, dir)
		if address != dir+"/my.bus" {
			t.Errorf("the bus is at %s", address)
		}
		for range 2 {
			out, err := exec.CommandContext(t.Context(), "dbus-send", "--bus=unix:path="+address, "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.ListNames").Output()
			if err != nil || !strings.Contains(string(out), `string "org.freedesktop.DBus"`) {
				t.Fatalf("dbus-send: %v, %s", err, out)
			}
		}
		if name := commandName(l.Process.Pid); name != "dbus-daemon" {
			t.Errorf("process %d is %q", l.Process.Pid, name)
		}
	}
}
