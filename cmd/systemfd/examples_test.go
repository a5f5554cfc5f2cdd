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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// serverTools is what the servers among the examples need.
var serverTools = map[string][]string{
	"C":      {"make", "cc"},
	"Elixir": {"elixir"},
	"Go":     {"go"},
	"Java":   {"java", "javac"}, // without javac, java does not run a source file
	"Node":   {"node"},
	"Perl":   {"perl"},
	"PHP":    {"php"},
	"Python": {"python3"},
	"Ruby":   {"ruby"},
	"Rust":   {"rustc"},
}

// example is a row of the table in examples/README.md.
type example struct{ name, file, line string }

func readExamples(t *testing.T) (rows []example) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "examples", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| (.+) \\| \\[(.+)\\]\\((.+)\\) \\| `(.+)` \\|$").FindAllStringSubmatch(string(text), -1) {
		if row[2] != row[3] {
			t.Errorf("%s is a link to %s", row[2], row[3])
		}
		rows = append(rows, example{row[1], row[2], row[4]})
	}
	return rows
}

func exampleNamed(t *testing.T, name string) example {
	t.Helper()
	rows := readExamples(t)
	i := slices.IndexFunc(rows, func(e example) bool { return e.name == name })
	if i < 0 {
		t.Fatalf("examples/README.md has no %s", name)
	}
	return rows[i]
}

func (e example) dir() string { return filepath.Join(root, "examples", filepath.Dir(e.file)) }

// lines returns what the comment at the head of the example says to run.
func (e example) lines(t *testing.T) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "examples", e.file))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), " SPDX-License-Identifier: MIT-0\n") {
		t.Errorf("%s does not say its license", e.file)
	}
	for _, line := range regexp.MustCompile(`(?m)^(?://|#) {2,}(.+)$|^//\t(.+)$`).FindAllStringSubmatch(string(text), -1) {
		lines = append(lines, line[1]+line[2])
	}
	return lines
}

// copied is a project that has the example's files.
func (e example) copied(t *testing.T) *testkit.Project {
	t.Helper()
	p := testkit.NewProject(t)
	if err := os.CopyFS(p.Dir, os.DirFS(e.dir())); err != nil {
		t.Fatal(err)
	}
	p.Env = append(p.Env, "HOME="+os.Getenv("HOME"), "XDG_CACHE_HOME="+os.Getenv("XDG_CACHE_HOME")) // where compilers have theirs
	return p
}

// TestExamplesTable: each example is in the table, and says itself what the table says.
func TestExamplesTable(t *testing.T) {
	t.Parallel()
	var inTable []string
	for _, e := range readExamples(t) {
		inTable = append(inTable, e.dir())
		if lines := e.lines(t); !slices.Contains(lines, e.line) {
			t.Errorf("%s says %q, and examples/README.md says %q", e.file, lines, e.line)
		}
	}
	entries, err := os.ReadDir(filepath.Join(root, "examples"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if dir := filepath.Join(root, "examples", entry.Name()); entry.IsDir() && !slices.Contains(inTable, dir) {
			t.Errorf("examples/README.md does not have %s", dir)
		}
	}
}

// greeting asks an example, and returns the process that answers.
func greeting(address string) (pid int, err error) {
	text, err := testkit.GetHTTP(address)
	if err != nil {
		return 0, err
	}
	match := regexp.MustCompile(`^Hello from process (\d+)\n$`).FindStringSubmatch(text)
	if match == nil {
		return 0, fmt.Errorf("the answer is %q", text)
	}
	return strconv.Atoi(match[1])
}

func mustGreet(t *testing.T, address string) (pid int) {
	t.Helper()
	pid, err := greeting(address)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// giveUp has clients come and go while no server is there, with and without a request, by FIN and by RST. They are more
// than a short queue has room for.
func giveUp(t *testing.T, address string) {
	t.Helper()
	for i := range 20 {
		c, err := net.DialTimeout("tcp", address, testkit.Patience)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
		}
		if i%4 < 2 {
			c.(*net.TCPConn).SetLinger(0)
		}
		c.Close()
	}
}

// TestExampleServers runs each one's line on a socket that is kept, ends it, and runs it again on the same socket.
func TestExampleServers(t *testing.T) {
	t.Parallel()
	for name, tools := range serverTools {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testkit.Need(t, tools...)
			e := exampleNamed(t, name)
			p := e.copied(t)
			p.KeepHere("-s", "http::0")
			address := p.Held()[0].Address
			line := strings.Replace(e.line, "3000", address, 1)
			for range 2 {
				giveUp(t, address)
				r := p.Start("sh", "-c", line)
				pid := mustGreet(t, address)
				if again := mustGreet(t, address); again != pid {
					t.Errorf("process %d answers, and then %d", pid, again)
				}
				testkit.Kill(t, pid)
				r.AwaitEnd()
			}
		})
	}
}

// TestExamplesWatched runs each one's line with a watcher, and changes the file.
func TestExamplesWatched(t *testing.T) {
	t.Parallel()
	for name, tools := range serverTools {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := exampleNamed(t, name)
			line := e.lines(t)[1]
			testkit.Need(t, tools...)
			watcher := regexp.MustCompile(`entr|nodemon`).FindString(line)
			testkit.Need(t, watcher)
			p := e.copied(t)
			start := p.Start
			if watcher == "nodemon" { // it may start node before the last one has ended, and systemfd says so
				start = p.Launch
			}
			start("sh", "-c", strings.Replace(line, "http::3000", "http::0 --info-file info", 1))
			address := p.Opened()
			old, written := mustGreet(t, address), time.Time{}
			testkit.Await(t, "another process to answer", func() bool {
				if time.Since(written) > time.Second { // again: entr loses what comes right after a start
					written = time.Now()
					appendTo(t, p.Path(filepath.Base(e.file)), "\n")
				}
				pid, err := greeting(address)
				return err == nil && pid != old
			})
		})
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// TestExampleVite serves the project by --proxy, twice on a socket that is kept.
func TestExampleVite(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "npx", "vite")
	e := exampleNamed(t, "Vite")
	p := e.copied(t)
	linkVite(t, p)
	p.KeepHere("-s", "http::0")
	address := p.Held()[0].Address
	for range 2 {
		r := p.Start("sh", "-c", "exec "+strings.Replace(e.line, "3000", address, 1))
		page, err := testkit.GetHTTP(address)
		if err != nil || !strings.Contains(page, `src="/@vite/client"`) || !strings.Contains(page, `src="/main.js"`) {
			t.Errorf("the page is %q, %v", page, err)
		}
		r.Send(syscall.SIGTERM)
		if got := r.AwaitEnd(); got != "terminated" {
			t.Errorf("the end is %s", got)
		}
	}
}

// linkVite is npm install, unless that was done in the repository and is copied.
func linkVite(t *testing.T, p *testkit.Project) {
	t.Helper()
	if testkit.Exists(p.Path("node_modules")) {
		return
	}
	program, err := exec.LookPath("vite")
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if err == nil {
		err = os.MkdirAll(p.Path("node_modules/.bin"), 0o755)
	}
	for link, target := range map[string]string{
		"node_modules/vite":      filepath.Dir(filepath.Dir(program)),
		"node_modules/.bin/vite": program,
	} {
		if err == nil {
			err = os.Symlink(target, p.Path(link))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestExampleProcfile has foreman start the Procfile, twice on sockets that are kept.
func TestExampleProcfile(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "foreman", "node")
	e := exampleNamed(t, "Procfile")
	p := e.copied(t)
	p.KeepHere("-s", "web=http::0", "-s", "api=http::0")
	addresses := map[string]string{}
	for _, s := range p.Held() {
		addresses[s.Name] = s.Address
	}
	line := strings.NewReplacer("3000", addresses["web"], "4000", addresses["api"]).Replace(e.line)
	for range 2 {
		r := p.Start("sh", "-c", "exec "+line)
		for name, address := range addresses {
			text, err := testkit.GetHTTP(address)
			if err != nil || !strings.HasPrefix(text, "Hello from "+name+",") {
				t.Errorf("%s answers %q, %v", name, text, err)
			}
		}
		r.Send(syscall.SIGTERM)
		r.AwaitEnd()
	}
}

// TestExampleSuite runs the test suite, which passes, and with another server fails.
func TestExampleSuite(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "node")
	e := exampleNamed(t, "a test suite")
	p := e.copied(t)
	if got := testkit.Finish(t, p.Command("sh", "-c", e.line)); got.Status != 0 || !strings.Contains(got.Out, "pass 1\n") {
		t.Errorf("status %d, %s%s", got.Status, got.Out, got.Err)
	}
	p.Write("server.js", strings.Replace(p.Read("server.js"), "Hello", "Goodbye", 1))
	if got := testkit.Finish(t, p.Command("sh", "-c", e.line)); got.Status != 1 || !strings.Contains(got.Out, "fail 1\n") {
		t.Errorf("with another server: status %d, %s%s", got.Status, got.Out, got.Err)
	}
}
