//go:build unix

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// page returns a page of the repository.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pages are those whose indented lines are typed by TestPages.
var pages = []string{"README.md", "docs/servers.md", "docs/shell-hooks.md", "docs/sockets.md"}

// typed is an indented line of a page, the package.json in its comment, and the line before.
var typed = regexp.MustCompile(`(?m)^    (\S.*?)(?: +# (?:.*"dev": "(.*)")?.*)?$`)

// notTyped are the lines of pages that nobody types, that other tests run, or that nothing here can run.
var notTyped = map[string]string{
	`~> socket `:                             "it is printed",
	`systemfd -s http::3000 -- cargo watch `: "crates.io is not to be had where the tests run",
	`go run ./examples/restart`:              "TestExampleRestart",
}

// keptBefore has what a shell has evaluated before these lines.
var keptBefore = map[string]string{
	`systemfd -- `: "", `systemfd status`: "", `systemfd stop`: "web=", `eval "$(systemfd env --unset)"`: "", `web: `: "web=", `api: `: "api=",
}

// TestPages types each line of the pages, with other ports: a server that it starts answers, and others end well.
func TestPages(t *testing.T) {
	t.Parallel()
	for _, name := range pages {
		lines := typed.FindAllStringSubmatch(withoutFences(page(t, name)), -1)
		if len(lines) == 0 {
			t.Errorf("%s has no line to type", name)
		}
		for _, line := range lines {
			if _, why := startingWith(notTyped, line[1]); why != "" {
				continue
			}
			t.Run(name+" "+line[1], func(t *testing.T) {
				t.Parallel()
				typeLine(t, line[1], line[2])
			})
		}
	}
}

// withoutFences is a page without the blocks of other languages.
func withoutFences(text string) string {
	return regexp.MustCompile("(?s)\n```.*?\n```\n").ReplaceAllString(text, "\n")
}

// startingWith returns the entry whose key a line starts with.
func startingWith(table map[string]string, line string) (key, value string) {
	for key, value := range table {
		if strings.HasPrefix(line, key) {
			return key, value
		}
	}
	return "", ""
}

func typeLine(t *testing.T, line, script string) {
	t.Helper()
	p := pageProject(t, script)
	address := testkit.FreePort(t)
	_, port, _ := strings.Cut(address, ":")
	if prefix, name := startingWith(keptBefore, line); prefix != "" {
		line = fmt.Sprintf(`eval "$(systemfd env -q -s %s)"; %s`, name+"http::3000", regexp.MustCompile(`^\w+: `).ReplaceAllString(line, ""))
	}
	if strings.HasPrefix(line, "for ") { // the other terminal of the lines above
		p.Start("systemfd", "-s", "http::"+address, "--", "node", "server.js")
	}
	line = strings.NewReplacer(
		"127.0.0.1:3000", address, "::3000", "::"+address, "=4000", "="+testkit.FreePort(t), "::4000", "::"+testkit.FreePort(t),
		"80=8080", "80="+address, "3000", port,
	).Replace(line)
	if !regexp.MustCompile(`(?: -- | \./)`).MatchString(line) || strings.HasSuffix(line, " inspect") {
		cmd := p.Command("bash", "-c", line)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell with job control has it
		if got := testkit.Finish(t, cmd); got.Status != 0 || strings.Contains(got.Err, "error: ") {
			t.Errorf("%s: exit %d\n%s", line, got.Status, got.Err)
		}
		return
	}
	r := p.Launch("bash", "-c", line)
	testkit.Await(t, line+": an answer at "+address, func() bool { return answers(address) || t.Failed() })
	if text := r.Read("err"); strings.Contains(text, "error: ") || strings.Contains(text, "hint: ") {
		t.Errorf("%s: %s", line, text)
	}
}

// answers reports whether a server at an address says something to a client.
func answers(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
	n, err := io.ReadFull(c, make([]byte, 1))
	return n == 1 && err == nil
}

// pageProject has everything that the lines of the pages need.
func pageProject(t *testing.T, script string) *testkit.Project {
	t.Helper()
	testkit.Need(t, "bash", "curl", "node", "npm", "nodemon", "entr", "air", "reflex", "vite", "concurrently", "make", "python3", "go")
	p := testkit.NewProject(t)
	watchedNode(t, p.Dir)
	for _, name := range []string{"web.js", "api.js"} {
		p.Write(name, "require('node:http').createServer((q, s) => s.end('hello')).listen(process.env.PORT || {fd: 3})\n")
	}
	for _, name := range []string{"server", "api"} {
		p.Write(name, "#!/bin/sh\nexec probe graceful\n")
		if err := os.Chmod(p.Path(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p.Write("index.html", "<p>a page</p>")
	if err := os.Symlink(npm(t), p.Path("node_modules")); err != nil {
		t.Fatal(err)
	}
	p.Write("vite.config.js", "export default {cacheDir: 'cache'}\n")
	t.Cleanup(func() { os.Remove(p.Path("app.sock")) }) // which is the server's once it runs
	p.Write("app.socket", "[Socket]\nListenStream=80\nListenStream=/run/app.sock\n")
	p.Write("Makefile", "run:\n\t+systemfd -- ./server\n")
	p.Write("go.mod", "module app\n\ngo 1.26\n")
	p.Write("main.go", goServer)
	writePackage(t, p.Dir, script)
	p.Env = append(p.Env, "NO_UPDATE_NOTIFIER=1", "GOCACHE="+goCache())
	return p
}

const goServer = `package main

import (
	"net"
	"net/http"
	"os"
)

func main() {
	l, err := net.FileListener(os.NewFile(3, ""))
	if err != nil {
		panic(err)
	}
	http.Serve(l, http.NotFoundHandler())
}
`

// TestExampleRestart: without systemfd requests are refused, with systemfd none is.
func TestExampleRestart(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "go", "sh")
	cmd := exec.Command("go", "run", "./examples/restart")
	cmd.Dir = root
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	got := testkit.Finish(t, cmd)
	testkit.Says(t, got.Out, `without systemfd +[·✗]{50} +\d+ answered, +[1-9]\d* refused`, `with systemfd +·{50} +\d+ answered, +0 refused`)
	if got.Status != 0 {
		t.Errorf("exit %d, %s", got.Status, got.Err)
	}
}
