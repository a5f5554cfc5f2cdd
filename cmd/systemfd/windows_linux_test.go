// Only for Linux: elsewhere nobody has tried Wine.

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux, which has Wine.

// windows is a project in which Windows programs run.
type windows struct {
	*testkit.Project
	wine *testkit.Wine
}

// windowsPackages have tests that Wine passes; in the others, version 8 cannot remove the temporary directory of a test.
var windowsPackages = []string{
	"../../internal/handoff", "../../internal/holder/...", "../../internal/listenfds", "../../internal/lowfds", "../../internal/share",
	"../../internal/shell", "../../internal/socket", "../../internal/spec",
}

// TestWindows runs the program for Windows in Wine. Its commands are testdata/winprobe, which takes sockets as the listenfd crate does.
func TestWindows(t *testing.T) {
	t.Parallel()
	wine := testkit.NewWine(t)
	wine.Build(t, ".", "./testdata/winprobe")
	t.Run("packages", func(t *testing.T) {
		t.Parallel()
		wine.Test(t, windowsPackages...)
	})
	for name, test := range map[string]func(windows){
		"sockets":      windowsSockets,
		"restarts":     windowsRestarts,
		"exit status":  windowsExitStatus,
		"interrupt":    windowsInterrupt,
		"killed":       windowsKilled,
		"strangers":    windowsStrangers,
		"many clients": windowsManyClients,
		"in use":       windowsInUse,
		"proxy":        windowsProxy,
		"arguments":    windowsArguments,
		"nested":       windowsNested,
		"errors":       windowsErrors,
		"fails":        windowsFails,
		"env":          windowsEnv,
		"stop":         windowsStop,
		"holder":       windowsHolderKilled,
		"typed":        windowsTyped,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(windows{wine.Project(t), wine})
		})
	}
}

// run runs a Windows program to its end.
func (w windows) run(program string, args ...string) testkit.Outcome {
	w.T.Helper()
	return testkit.Finish(w.T, w.Command(w.wine.Line(program, args...)...))
}

// launch starts systemfd, which stays, and which says in the file info what it has opened.
func (w windows) launch(args ...string) *testkit.Running {
	w.T.Helper()
	return w.Launch(w.wine.Line("systemfd", append([]string{"--info-file", "info"}, args...)...)...)
}

// serving starts winprobe serve behind systemfd, and returns what it tells once it serves.
func (w windows) serving(args ...string) func(fact string) string {
	w.T.Helper()
	r := w.launch(append(args, "--", "winprobe", "serve")...)
	testkit.Await(w.T, "the server", func() bool { return strings.Contains(r.Read("out"), "serving\n") })
	return func(fact string) string {
		_, rest, _ := strings.Cut("\n"+r.Read("out"), "\n"+fact+" ")
		value, _, _ := strings.Cut(rest, "\n")
		return value
	}
}

func windowsSockets(w windows) {
	r := w.launch("-s", "http::0", "-s", "udp::0", "-s", "[::1]:0", "-s", ":0", "--", "winprobe", "serve")
	addresses := w.Addresses()
	_, port, err := net.SplitHostPort(addresses[3])
	if err != nil {
		w.T.Fatal(err)
	}
	for index, address := range map[int]string{0: addresses[0], 2: addresses[2], 3: "127.0.0.1:" + port} {
		server := testkit.Server{Want: strconv.Itoa(index)}
		server.MustAsk(w.T, address)
	}
	answer, err := testkit.Exchange(testkit.DialAny(w.T, "udp", addresses[1]), "hello")
	if err != nil || !strings.HasSuffix(answer, " 1 hello") {
		w.T.Errorf("the answer is %q, %v", answer, err)
	}
	testkit.Says(w.T, r.Read("err"), "~> socket http://"+addresses[0]+"/ -> .*", "~> socket "+addresses[1]+" \\(udp\\) -> .*")
}

// windowsRestarts: a loop, as a watcher, starts the server again, which answers at the same address.
func windowsRestarts(w windows) {
	w.Write("loop.cmd", "@echo off\r\n:again\r\nwinprobe serve\r\ngoto again\r\n")
	w.launch("-s", "http::0", "--", `.\loop.cmd`)
	server, address := testkit.Server{Want: "0"}, w.Opened()
	pid := server.MustAsk(w.T, address)
	for range 3 {
		old := pid
		w.kill(strconv.Itoa(old))
		if pid = server.MustAsk(w.T, address); pid == old {
			w.T.Errorf("process %d was killed, and answers", old)
		}
	}
}

// kill ends a process by the number that Windows has for it.
func (w windows) kill(pid string) {
	w.T.Helper()
	if got := w.run("taskkill", "/f", "/pid", pid); got.Status != 0 {
		w.T.Errorf("taskkill %s: %+v", pid, got)
	}
}

func windowsExitStatus(w windows) {
	w.Write("script.cmd", "@exit /b 5\r\n")
	for command, want := range map[string]int{
		"winprobe exit 0": 0, "winprobe exit 7": 7, "winprobe exit 255": 255, `.\script.cmd`: 5, "cmd /c exit 9": 9, "nosuch": 127,
	} {
		got := w.run("systemfd", append([]string{"-s", "http::0", "--"}, strings.Fields(command)...)...)
		if got.Status != want {
			w.T.Errorf("%q: status %d, want %d: %s", command, got.Status, want, got.Err)
		}
	}
}

// windowsInterrupt: Ctrl-C is the command's, and systemfd ends as that does.
func windowsInterrupt(w windows) {
	s := w.terminal("systemfd", "-s", "http::0", "--", "winprobe", "wait")
	s.awaits("ready")
	s.Press("\x03")
	s.awaits("interrupt", "status 3")
}

// terminal is one whose shell tells the exit status of a Windows program.
type terminal struct{ *testkit.Terminal }

func (w windows) terminal(program string, args ...string) terminal {
	w.T.Helper()
	script := []string{"sh", "-c", `trap : INT; "$@"; echo status $?; read wait`, "sh"}
	return terminal{w.Terminal(append(script, w.wine.Line(program, args...)...)...)}
}

func (s terminal) awaits(words ...string) {
	s.T.Helper()
	for _, word := range words {
		testkit.Await(s.T, word, func() bool { return strings.Contains(s.Screen(), word) })
	}
}

// windowsKilled: a command does not outlive systemfd.
func windowsKilled(w windows) {
	told := w.serving("-s", "http::0")
	w.kill(told("parent"))
	testkit.Await(w.T, "the port to be free", func() bool { return testkit.IsFree(w.Opened()) })
}

// windowsStrangers: who does not know the secret gets nothing, and who says nothing keeps nobody waiting.
func windowsStrangers(w windows) {
	told := w.serving("-s", "http::0", "-s", "udp::0")
	server, pid, secret := told("server"), told("pid"), told("secret")
	var silent []net.Conn
	for range 100 {
		silent = append(silent, testkit.DialAny(w.T, "tcp", server))
	}
	right := secret + "|" + pid
	for request, want := range map[string]int{
		right: 2, secret + "|0": 0, secret + "|" + "4294967295": 0, secret + "|": 0, secret: 0, secret[1:] + "|" + pid: 0,
		"59fb60fe-2634-4ec8-aa81-038793888c8e|" + pid: 0, "|" + pid: 0, "": 0, right + "|": 0,
		"GET / HTTP/1.1\r\nHost: " + server + "\r\n\r\n": 0,
	} {
		if answer := askShare(w.T, server, request); len(answer) != want*628 {
			w.T.Errorf("%q gets %d bytes, want %d sockets", request, len(answer), want)
		}
	}
	tooMuch := testkit.DialAny(w.T, "tcp", server)
	tooMuch.Write(bytes.Repeat([]byte(right), 1<<16)) // may be refused on the way
	awaitDropped(w.T, tooMuch)
	for _, c := range silent {
		awaitDropped(w.T, c)
	}
}

// askShare sends a request to the server that has the sockets, and returns its answer.
func askShare(t *testing.T, server, request string) string {
	t.Helper()
	c := testkit.DialAny(t, "tcp", server).(*net.TCPConn)
	defer c.Close()
	if _, err := c.Write([]byte(request)); err != nil {
		t.Error(err)
	}
	c.CloseWrite()
	return testkit.ReadAll(t, c)
}

// awaitDropped waits until the other side has ended a connection, in whatever way, and without an answer.
func awaitDropped(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetDeadline(time.Now().Add(testkit.Patience))
	n, err := c.Read(make([]byte, 1))
	if timeout, ok := err.(net.Error); n != 0 || err == nil || ok && timeout.Timeout() {
		t.Errorf("a connection is not dropped: %d bytes, %v", n, err)
	}
}

func windowsManyClients(w windows) {
	got := w.run("systemfd", "-s", "http::0", "-s", "udp::0", "--info-file", "info", "--", "winprobe", "many", "500")
	for _, address := range w.Addresses() {
		testkit.Says(w.T, got.Out, "500 "+address)
	}
}

// windowsInUse: a port that somebody has is not shared, whoever that is.
func windowsInUse(w windows) {
	w.launch("-s", "http::0", "--", "winprobe", "serve")
	l, err := net.Listen("tcp", testkit.FreeHost()+":0")
	if err != nil {
		w.T.Fatal(err)
	}
	defer l.Close()
	for _, address := range []string{w.Opened(), l.Addr().String()} {
		got := w.run("systemfd", "-s", address, "--", "winprobe", "exit", "0")
		if got.Status != 125 {
			w.T.Errorf("%s: status %d", address, got.Status)
		}
		testkit.Says(w.T, got.Err, "error: .*"+address+" is in use.*")
	}
}

// windowsProxy: clients wait for a server that takes no socket, also while that is started again.
func windowsProxy(w windows) {
	w.Write("loop.cmd", "@echo off\r\n:again\r\nwinprobe web %1\r\ngoto again\r\n")
	server := testkit.Server{Want: "web"}
	for name, command := range map[string][]string{"variable": {"winprobe", "web"}, "argument": {`..\loop.cmd`, "{port}"}} {
		at := windows{w.Folder(name), w.wine}
		at.launch(append([]string{"-s", "http::0", "--proxy", "--"}, command...)...)
		pid := server.MustAsk(w.T, at.Opened())
		echoes(w.T, at.Opened())
		if name == "argument" {
			w.kill(strconv.Itoa(pid))
			if again := server.MustAsk(w.T, at.Opened()); again == pid {
				w.T.Errorf("process %d was killed, and answers", pid)
			}
		}
	}
	if got := w.run("systemfd", "-s", "http::0", "--proxy", "--", "winprobe", "exit", "6"); got.Status != 6 {
		w.T.Errorf("status %d: %s", got.Status, got.Err)
	}
}

// echoes sends a megabyte over each of many connections at once, and wants it back.
func echoes(t *testing.T, address string) {
	t.Helper()
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: testkit.Patience}
			response, err := client.Post("http://"+address+"/", "", bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			if got, err := io.ReadAll(response.Body); err != nil || !bytes.Equal(got, body) {
				t.Errorf("of %d bytes %d came back: %v", len(body), len(got), err)
			}
		})
	}
	all.Wait()
}

// windowsArguments: the command gets the words that systemfd got.
func windowsArguments(w windows) {
	words := []string{"", "a b", `"`, `c"d`, `e\`, `f\\ g\`, `h\"i`, "%PATH%", "^&|<>", "ä", "*.go", "--", "-s"}
	want := ""
	for _, word := range words {
		want += fmt.Sprintf("%q\n", word)
	}
	got := w.run("systemfd", append([]string{"-q", "-s", "http::0", "--", "winprobe", "args"}, words...)...)
	if got.Out != want || got.Status != 0 {
		w.T.Errorf("the command gets\n%swant\n%s%s", got.Out, want, got.Err)
	}
}

// windowsNested: systemfd below systemfd passes the same sockets on, all or some, until what has them is gone.
func windowsNested(w windows) {
	outer := []string{"-q", "-s", "web=http::0", "-s", "api=http::0", "--info-file", "info", "--", "systemfd", "-q"}
	got := w.run("systemfd", append(outer, "--", "winprobe", "many", "1")...)
	all := w.Addresses()
	testkit.Says(w.T, got.Out, "1 "+all[0], "1 "+all[1])

	os.Remove(w.Path("info"))
	got = w.run("systemfd", append(outer, "--only", "api", "--", "winprobe", "many", "1")...)
	all = w.Addresses()
	testkit.Says(w.T, got.Out, "1 "+all[1])
	testkit.SaysNot(w.T, got.Out, "1 "+all[0])

	got = w.run("systemfd", append(outer, "--", "systemfd", "inspect")...)
	testkit.Says(w.T, got.Out, `0 +web +127.0.0.1:\d+ \(tcp listener\) +yes .*`, `1 +api +127.0.0.1:\d+ \(tcp listener\) +yes .*`)

	w.Env = append(w.Env, "SYSTEMFD_SOCKET_SERVER="+testkit.FreePort(w.T), "SYSTEMFD_SOCKET_SECRET=59fb60fe-2634-4ec8-aa81-038793888c8e")
	got = w.run("systemfd", "--", "winprobe", "serve")
	if got.Status != 125 || got.Out != "" {
		w.T.Errorf("status %d, %q", got.Status, got.Out)
	}
	testkit.Says(w.T, got.Err, "error: cannot get the sockets from the server at 127.*: it is gone", "hint: .*")
}

// windowsFails: if the command cannot be started, nothing is left.
func windowsFails(w windows) {
	w.Write("text.exe", "no program\r\n")
	for command, want := range map[string]int{`.\text.exe`: 126, "nosuch": 127} {
		got := w.run("systemfd", "-s", "http::0", "--info-file", "info", "--", command)
		if got.Status != want || got.Out != "" {
			w.T.Errorf("%s: status %d, want %d, %q", command, got.Status, want, got.Out)
		}
		testkit.Says(w.T, got.Err, "error: cannot run .*")
		w.IsGone("info")
	}
}

// windowsErrors: what Windows does not have is said.
func windowsErrors(w windows) {
	for line, want := range map[string]string{
		"-s ./app.sock -- winprobe exit 0":             "error: .*unix.*",
		"-s unix-dgram::./app.sock -- winprobe exit 0": "error: .*unix.*",
		"-s @app -- winprobe exit 0":                   "error: .*",
		"-s http::0 --mode 600 -- winprobe exit 0":     "error: --mode .*",
		"-s http::0 --inetd -- winprobe exit 0":        "error: --inetd .*",
		"-s http::0 --accept -- winprobe exit 0":       "error: --accept .*",
		"-s http::0 --nonblock -- winprobe exit 0":     "error: --nonblock .*",
	} {
		got := w.run("systemfd", strings.Fields(line)...)
		if got.Status != 2 && got.Status != 125 || got.Out != "" {
			w.T.Errorf("%q: status %d, %q", line, got.Status, got.Out)
		}
		testkit.Says(w.T, got.Err, want)
	}
}
