//go:build unix

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// deafTest is a line that starts a server which takes no socket, as people type it after systemfd. It has the port PORT if the server
// fails when that is in use.
type deafTest struct {
	line    string
	path    string // of the page
	module  string // of Python that it needs
	isHeavy bool   // too heavy for make deps: run if it is there
}

var deafTests = []deafTest{
	{line: "flask --app app run --port PORT", module: "flask"},
	{line: "npx vite --strictPort --port PORT"},
	{line: "php -S 127.0.0.1:PORT"},
	{line: "/usr/bin/python3 -m flask run -pPORT", module: "flask"},
	{line: "/usr/bin/python3 -m http.server PORT"},
	{line: "/usr/bin/python3 manage.py runserver PORT", module: "django"},
	{line: "timeout 60 vite --port=PORT --strictPort"},

	{line: "astro dev", isHeavy: true},
	{line: "browser-sync start --server --no-open", isHeavy: true},
	{line: "bunx vite", isHeavy: true},
	{line: "deno serve main.ts", isHeavy: true},
	{line: "eleventy --serve", path: "page/", isHeavy: true},
	{line: "http-server", isHeavy: true},
	{line: "hugo server", isHeavy: true},
	{line: "jekyll serve", isHeavy: true},
	{line: "json-server db.json", path: "pages", isHeavy: true},
	{line: "live-server --no-browser", isHeavy: true},
	{line: "mkdocs serve", isHeavy: true},
	{line: "parcel index.html", isHeavy: true},
	{line: "serve", isHeavy: true},
	{line: "thin start", isHeavy: true},
	{line: "vitepress dev", path: "page.html", isHeavy: true},
	{line: "webpack serve", path: "main.js", isHeavy: true},
}

// TestProxyHints runs each server below systemfd, and then what its hint says: it answers then.
func TestProxyHints(t *testing.T) {
	t.Parallel()
	for _, test := range deafTests {
		t.Run(test.line, func(t *testing.T) {
			t.Parallel()
			test.need(t)
			p := testkit.NewProject(t)
			writePages(p)
			p.KeepHere("-s", "http::0")
			address := p.Held()[0].Address
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				t.Fatal(err)
			}
			r := p.Launch("sh", "-c", "exec systemfd -s http::"+address+" -- "+strings.ReplaceAll(test.line, "PORT", port))
			hint := testkit.Find(t, "a hint", func() (string, bool) {
				h := hintIn(t, r.Read("err"))
				return h.line, h.line != ""
			})
			if !strings.Contains(test.line, "PORT") { // which would be an end
				testkit.KillIn(p.Dir)
			}
			if end := r.AwaitEnd(); end == "0" {
				t.Error("it ends well")
			}
			p.Launch("sh", "-c", "exec "+hint)
			getNow(t, "http://"+address+"/"+test.path)
		})
	}
}

func (test deafTest) need(t *testing.T) {
	t.Helper()
	tool := strings.Fields(test.line)[0]
	if _, err := exec.LookPath(tool); err != nil && test.isHeavy {
		t.Skip(tool + " is not installed")
	}
	if _, err := exec.LookPath("webpack-dev-server"); err != nil && tool == "webpack" { // Debian's npm needs only webpack
		t.Skip("webpack-dev-server is not installed")
	}
	testkit.Need(t, tool)
	if strings.Contains(test.line, "vite") {
		testkit.Need(t, "vite")
	}
	if test.module != "" && exec.Command("/usr/bin/python3", "-c", "import "+test.module).Run() != nil {
		testkit.Lacks(t, "python3-"+test.module)
	}
}

// writePages writes what the servers serve.
func writePages(p *testkit.Project) {
	p.T.Helper()
	for name, text := range map[string]string{
		"index.html": "<p>a page</p>",
		"app.py":     "from flask import Flask\napp = Flask(__name__)\n@app.get('/')\ndef page():\n    return 'a page'\n",
		"manage.py": `import sys
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path
settings.configure(DEBUG=True, SECRET_KEY="secret", ROOT_URLCONF=__name__)
urlpatterns = [path("", lambda request: HttpResponse("a page"))]
execute_from_command_line(sys.argv)
`,
		"_config.yml":           "title: pages\n",
		"config.ru":             "run lambda { |env| [200, {}, ['a page']] }\n",
		"config.toml":           "title = 'pages'\n",
		"db.json":               `{"pages": [{"id": 1}]}`,
		"layouts/index.html":    "<p>a page</p>",
		"main.ts":               "export default { fetch() { return new Response('a page') } }\n",
		"mkdocs.yml":            "site_name: pages\n",
		"docs/index.md":         "a page\n",
		"page.md":               "a page\n",
		"src/index.js":          "console.log('a page')\n",
		"src/pages/index.astro": "<p>a page</p>\n",
		"webpack.config.js":     "module.exports = {mode: 'development'}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(p.Path(name)), 0o755); err != nil {
			p.T.Fatal(err)
		}
		p.Write(name, text)
	}
	if err := os.Symlink(npm(p.T), p.Path("node_modules")); err != nil {
		p.T.Fatal(err)
	}
}
