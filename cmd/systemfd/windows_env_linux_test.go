// Only for Linux: elsewhere nobody has tried Wine.

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux, which has Wine.

// evaluates returns the line of docs/shell-hooks.md for cmd, with other arguments of systemfd env.
func (w windows) evaluates(args string) string {
	w.T.Helper()
	text, err := os.ReadFile(root + "/docs/shell-hooks.md")
	row := regexp.MustCompile("(?m)^\\| cmd \\| `(.*)-s http::3000 --shell cmd(.*?)`").FindSubmatch(text)
	if err != nil || row == nil {
		w.T.Fatalf("there is no row for cmd: %v", err)
	}
	return string(row[1]) + args + string(row[2])
}

// shell starts cmd with a batch file. Its lines are as they would be typed, but for "env ARGS", which evaluates systemfd env, and
// for "wait FILE".
func (w windows) shell(lines ...string) *testkit.Running {
	w.T.Helper()
	text := "@echo off\r\n"
	for i, line := range lines {
		if args, ok := strings.CutPrefix(line, "env "); ok {
			line = strings.ReplaceAll(w.evaluates(args), "%", "%%")
		} else if file, ok := strings.CutPrefix(line, "wait "); ok {
			label := "wait" + strconv.Itoa(i)
			line = ":" + label + "\r\nif not exist " + file + " goto " + label
		}
		text += line + "\r\n"
	}
	w.Write("session.cmd", text)
	return w.Launch(w.wine.Line("cmd", "/c", "session.cmd")...)
}

// line waits for a file that a command of the shell writes a line to.
func (w windows) line(name string) string {
	w.T.Helper()
	return strings.TrimSpace(w.AwaitFile(name))
}

// held returns what is kept at an address.
func (w windows) held(address string) (found []testkit.Held) {
	w.T.Helper()
	got := w.run("systemfd", "status", "--json")
	return slices.DeleteFunc(testkit.ParseHeld(w.T, got.Out), func(h testkit.Held) bool { return h.Address != address })
}

// awaitHeldNoMore waits until nobody listens, and nothing is said to be kept.
func (w windows) awaitHeldNoMore(address string) {
	w.T.Helper()
	testkit.Await(w.T, address+" to be free", func() bool { return testkit.IsFree(address) && len(w.held(address)) == 0 })
}

// windowsEnv: what is kept for a shell passes to what it runs, one after the other, until it ends.
func windowsEnv(w windows) {
	r := w.shell(
		"env --shell cmd -s web=http::0 -s api=http::0",
		"systemfd url web >url", "systemfd port api >port",
		"systemfd -- winprobe many 2 >all", "systemfd --only api -- winprobe many 2 >only",
		"env -s web=http::0 -s api=http::0", "systemfd url web >again",
		":again", "systemfd -q -- winprobe serve", "if not exist over goto again",
	)
	web := strings.Trim(w.line("url"), "htp:/")
	api := "127.0.0.1:" + w.line("port")
	if again := w.line("again"); again != "http://"+web+"/" {
		w.T.Errorf("first %s is kept, then %s", web, again)
	}
	testkit.Says(w.T, w.Read("all"), "2 "+web, "2 "+api)
	if only := w.line("only"); only != "2 "+api {
		w.T.Errorf("--only api passes %q", only)
	}
	testkit.Says(w.T, r.Read("err"), "~> socket http://"+web+"/ -> kept open for cmd .*", "~> socket http://"+api+"/ -> kept open for cmd .*")
	if held := w.held(web); len(held) != 1 || held[0].Name != "web" || len(held[0].Owners) != 1 || held[0].Owners[0].Name != "cmd" {
		w.T.Errorf("status says %+v", held)
	}
	server := testkit.Server{Want: "0"}
	pid := server.MustAsk(w.T, web)
	w.kill(strconv.Itoa(pid))
	again := server.MustAsk(w.T, web)
	w.Write("over", "")
	w.kill(strconv.Itoa(again))
	w.awaitHeldNoMore(web)
	w.awaitHeldNoMore(api)
}

// windowsStop: what stop has closed is gone, and the shell can forget it.
func windowsStop(w windows) {
	r := w.shell(
		"env -q -s web=http::0 -s api=http::0", "systemfd url web >web", "systemfd url api >api",
		"systemfd stop web 2>stopped", "systemfd -- winprobe many 1 >left",
		"systemfd stop 2>stopped-all", "systemfd -- winprobe exit 4 2>after", "echo %errorlevel% >status",
		"env --unset", "set SYSTEMFD >variables 2>nul", "echo over >over", "wait end",
	)
	w.line("over")
	web, api := strings.Trim(w.line("web"), "htp:/"), strings.Trim(w.line("api"), "htp:/")
	testkit.Says(w.T, w.Read("stopped"), "~> closed http://"+web+"/")
	testkit.Says(w.T, w.Read("stopped-all"), "~> closed http://"+api+"/", "hint: .*")
	if left := w.line("left"); left != "1 "+api {
		w.T.Errorf("after systemfd stop web there is %q", left)
	}
	testkit.Says(w.T, w.Read("after"), "warning: the sockets were closed by systemfd stop; .*")
	if status := w.line("status"); status != "4" {
		w.T.Errorf("status %s", status)
	}
	if variables := w.Read("variables"); strings.Contains(variables, "=") {
		w.T.Errorf("the shell has %s", variables)
	}
	if !testkit.IsFree(web) || !testkit.IsFree(api) {
		w.T.Error("a port is not free")
	}
	w.Write("end", "")
	r.AwaitEnd()
}

// windowsHolderKilled: the next command gets sockets of the same addresses.
func windowsHolderKilled(w windows) {
	w.shell(
		"env -q -s web=http::0", "systemfd url >url", "wait killed", "systemfd -- winprobe many 1 >again 2>warning",
		"systemfd -- systemfd -- winprobe many 1 >nested", "wait end",
	)
	web := strings.Trim(w.line("url"), "htp:/")
	w.kill(strconv.Itoa(w.held(web)[0].Holder.PID))
	testkit.Await(w.T, web+" to be free", func() bool { return testkit.IsFree(web) })
	w.Write("killed", "")
	for _, file := range []string{"again", "nested"} {
		if got := w.line(file); got != "1 "+web {
			w.T.Errorf("%s: the command gets %q, want %s\n%s", file, got, web, w.Read("warning"))
		}
	}
	testkit.Says(w.T, w.Read("warning"), "warning: .*")
	w.Write("end", "")
	w.awaitHeldNoMore(web)
}

// windowsTyped: the same line at the prompt of cmd. What is kept ends with that.
func windowsTyped(w windows) {
	script := []string{"sh", "-c", `stty raw -echo; exec "$@"`, "sh"} // Wine does that only while a line is read
	s := w.Terminal(append(script, w.wine.Line("cmd")...)...)
	testkit.Await(w.T, "the prompt", func() bool { return strings.Contains(s.Screen(), filepath.Base(w.Dir)+">") })
	for _, line := range []string{w.evaluates("-s http::0 --shell cmd"), "systemfd url >url", "systemfd -- winprobe many 1 >passed"} {
		s.Types(line)
	}
	address := strings.Trim(w.line("url"), "htp:/")
	if passed := w.line("passed"); passed != "1 "+address {
		w.T.Errorf("the command gets %q, want %s", passed, address)
	}
	s.Types("exit")
	s.AwaitEnd()
	w.awaitHeldNoMore(address)
}
