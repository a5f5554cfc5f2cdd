//go:build unix

package main

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/systemfd/systemfd/internal/testkit"
)

// hotClient does what a page does for hot reload: it prints what Vite says through a WebSocket.
const hotClient = `const socket = new (require("ws"))(process.argv[1], "vite-hmr")
socket.on("message", text => console.log(String(text)))
socket.on("close", () => console.log("closed"))
`

// viteLoop starts Vite again whenever it has ended.
const viteLoop = `while :; do vite --port "$0" --strictPort & echo $! >pid; wait; done`

// TestProxyVite serves a page with hot reload, again in another run on the same socket, and again when Vite was killed.
func TestProxyVite(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "vite", "node", "npm")
	if !testkit.Exists(filepath.Join(npm(t), "ws")) {
		testkit.Lacks(t, "ws")
	}
	p := testkit.NewProject(t)
	p.Write("index.html", `<script type="module" src="/main.js"></script>`)
	p.Write("main.js", "import.meta.hot.accept()\n")
	writePackage(t, p.Dir, "vite")
	p.KeepHere("-s", "http::0")
	address := p.Held()[0].Address

	line := regexp.MustCompile(`(?m)^    systemfd -s http::3000 (--proxy -- npm run dev .+?) +# .*$`).FindStringSubmatch(page(t, "README.md"))
	if line == nil {
		t.Fatal("README.md has no line for npm run dev")
	}
	r := p.Start("sh", "-c", "exec systemfd "+line[1])
	first := checkHotReload(p, address)
	r.Send(syscall.SIGTERM)
	r.AwaitEnd()
	awaitLine(t, first, "closed")

	p.Start("systemfd", "--proxy", "--", "sh", "-c", viteLoop, "{port}")
	second := checkHotReload(p, address)
	var pid int
	if _, err := fmt.Sscan(p.AwaitFile("pid"), &pid); err != nil {
		t.Fatal(err)
	}
	testkit.Kill(t, pid)
	awaitLine(t, second, "closed")
	checkHotReload(p, address)
}

// checkHotReload loads the page with its module, changes that, and waits until Vite tells the page.
func checkHotReload(p *testkit.Project, address string) (page *testkit.Running) {
	p.T.Helper()
	site := "http://" + address
	if text := getNow(p.T, site+"/"); !strings.Contains(text, `src="/@vite/client"`) || !strings.Contains(text, `src="/main.js"`) {
		p.T.Errorf("the page is %q", text)
	}
	if text := getNow(p.T, site+"/main.js"); !strings.Contains(text, "import.meta.hot.accept()") {
		p.T.Errorf("the module is %q", text)
	}
	token := regexp.MustCompile(`wsToken = "(.+)"`).FindStringSubmatch(getNow(p.T, site+"/@vite/client"))
	if token == nil {
		p.T.Fatal("the client of Vite has no token")
	}
	browser := p.At(testkit.Directory(p.T))
	browser.Env = append(browser.Env, "NODE_PATH="+npm(p.T))
	page = browser.Launch("node", "-e", hotClient, "ws://"+address+"/?token="+token[1])
	awaitLine(p.T, page, `\{"type":"connected"\}`)
	changed := changeModule(p, page)
	testkit.Await(p.T, "the changed module", func() bool { return strings.Contains(getNow(p.T, site+"/main.js"), changed) })
	return page
}

// changeModule changes the module until Vite tells the page, and returns what is in it then.
func changeModule(p *testkit.Project, page *testkit.Running) (text string) {
	p.T.Helper()
	var written time.Time
	testkit.Await(p.T, "an update", func() bool {
		if time.Since(written) > time.Second { // again: Vite may not have looked at it yet
			written = time.Now()
			text = fmt.Sprint("// ", written)
			p.Write("main.js", "import.meta.hot.accept()\n"+text)
		}
		return strings.Contains(page.Read("out"), `"type":"update"`) && strings.Contains(page.Read("out"), `"path":"/main.js"`)
	})
	return text
}

// awaitLine waits until a command has printed a line.
func awaitLine(t *testing.T, r *testkit.Running, pattern string) {
	t.Helper()
	line := regexp.MustCompile("(?m)^" + pattern + "$")
	testkit.Await(t, "the line "+pattern, func() bool { return line.MatchString(r.Read("out")) })
}

// getNow asks a web server once.
func getNow(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: testkit.Patience}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %q, %v", url, response.Status, text, err)
	}
	return string(text)
}
