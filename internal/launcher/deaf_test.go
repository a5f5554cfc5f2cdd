package launcher

import (
	"slices"
	"strings"
	"testing"
)

// deafTests have a line, and what is to be typed behind --proxy; "_" is a blank inside of an argument.
var deafTests = map[string]string{
	// each row
	"astro dev":                   "astro dev --port '{port}'",
	"browser-sync start --server": "browser-sync start --port '{port}' --server",
	"deno serve main.ts":          "deno serve --port '{port}' main.ts",
	"django-admin runserver":      "django-admin runserver '{port}'",
	"eleventy --serve":            "eleventy --serve --port '{port}'",
	"flask run":                   "flask run --port '{port}'",
	"http-server dist":            "http-server dist -p '{port}'",
	"hugo server":                 "hugo server --port '{port}'",
	"jekyll s":                    "jekyll s --port '{port}'",
	"json-server db.json":         "json-server db.json --port '{port}'",
	"live-server":                 "live-server '--port={port}'",
	"./manage.py runserver":       "./manage.py runserver '{port}'",
	"mkdocs serve":                "mkdocs serve -a '127.0.0.1:{port}'",
	"next dev":                    "next dev --port '{port}'",
	"next start":                  "next start --port '{port}'",
	"ng serve":                    "ng serve --port '{port}'",
	"nuxt dev":                    "nuxt dev --port '{port}'",
	"parcel index.html":           "parcel index.html --port '{port}'",
	"php -S :80":                  "php -S ':{port}'",
	"python3 -m django runserver": "python3 -m django runserver '{port}'",
	"python3 -m http.server":      "python3 -m http.server '{port}'",
	"redis-server redis.conf":     "redis-server redis.conf --port '{port}'",
	"rsbuild dev":                 "rsbuild dev --port '{port}'",
	"rspack serve":                "rspack serve --port '{port}'",
	"serve":                       "serve -l '{port}'",
	"storybook dev":               "storybook dev --port '{port}'",
	"thin start":                  "thin start --port '{port}'",
	"vite":                        "vite --port '{port}' --strictPort",
	"vitepress dev":               "vitepress dev --port '{port}'",
	"vue-cli-service serve":       "vue-cli-service serve --port '{port}'",
	"webpack serve":               "webpack serve --port '{port}'",
	"webpack-dev-server":          "webpack-dev-server --port '{port}'",
	"wrangler dev":                "wrangler dev --port '{port}'",

	// the port that was typed makes room, and all else stays
	"vite --port 3000 --host":                 "vite --port '{port}' --host --strictPort",
	"vite --strictPort --port=3000 a_b":       "vite --strictPort '--port={port}' 'a b'",
	"vite --port {port}":                      "vite --port '{port}' --strictPort",
	"vite --port {port:web}":                  "vite --port '{port:web}' --strictPort",
	"vite --host --port":                      "vite --host --port --port '{port}' --strictPort",
	"vite preview":                            "vite preview --port '{port}' --strictPort",
	"next dev -p 3000 --turbo":                "next dev -p '{port}' --turbo",
	"next dev -p3000":                         "next dev '-p{port}'",
	"next dev -p=3000":                        "next dev '-p={port}'",
	"serve -l tcp://0.0.0.0:80 dist":          "serve -l 'tcp://0.0.0.0:{port}' dist",
	"serve -l unix:./app.sock":                "serve -l '{port}'",
	"mkdocs serve --dev-addr [::]:80":         "mkdocs serve --dev-addr '[::]:{port}'",
	"php -d a=1 -S localhost:80 -t web r.php": "php -d a=1 -S 'localhost:{port}' -t web r.php",
	"flask --app app run -h :: -p 80":         "flask --app app run -h :: -p '{port}'",
	"python3 -m http.server -d 2024 80":       "python3 -m http.server -d 2024 '{port}'",
	"python3 -m http.server -d 2024":          "python3 -m http.server -d 2024 '{port}'",
	"python3 -m http.server {port}":           "python3 -m http.server '{port}'",
	"python3 manage.py runserver 0:80 -v 3":   "python3 manage.py runserver '0:{port}' -v 3",

	// where it is
	"/usr/bin/python3.11 -um http.server 80":   "/usr/bin/python3.11 -um http.server '{port}'",
	"python -X dev -m flask run":               "python -X dev -m flask run --port '{port}'",
	"php8.2 -S localhost:80":                   "php8.2 -S 'localhost:{port}'",
	".venv/bin/flask run":                      ".venv/bin/flask run --port '{port}'",
	"web/.bin/serve":                           "web/.bin/serve -l '{port}'",
	"bun run vite":                             "bun run vite --port '{port}' --strictPort",
	"bun x vite":                               "bun x vite --port '{port}' --strictPort",
	"bunx --bun vite":                          "bunx --bun vite --port '{port}' --strictPort",
	"bundle exec jekyll serve":                 "bundle exec jekyll serve --port '{port}'",
	"npm exec -- vite":                         "npm exec -- vite --port '{port}' --strictPort",
	"npx -y vite":                              "npx -y vite --port '{port}' --strictPort",
	"pnpm -C web vite":                         "pnpm -C web vite --port '{port}' --strictPort",
	"pnpm exec vite":                           "pnpm exec vite --port '{port}' --strictPort",
	"yarn vite":                                "yarn vite --port '{port}' --strictPort",
	"yarn run vite":                            "yarn run vite --port '{port}' --strictPort",
	"env -S A=1_vite":                          "env A=1 vite --port '{port}' --strictPort",
	"env A=1 timeout -k 5 9 npx vite --port 1": "env A=1 timeout -k 5 9 npx vite --port '{port}' --strictPort",
	"entr -r vite":                             "entr -r vite --port '{port}' --strictPort",

	// others
	"./server vite":               "",
	"./serve":                     "",
	"bin/http-server":             "",
	"vite build":                  "",
	"vitepress build docs":        "",
	"parcel build":                "",
	"parcel watch":                "",
	"next build":                  "",
	"flask routes run":            "",
	"python3 manage.py migrate":   "",
	"python3 server.py runserver": "",
	"python3 -m http":             "",
	"python3":                     "",
	"php -a":                      "",
	"php server.php -S":           "",
	"deno run -A server.ts":       "",
	"bun run server.ts":           "",
	"bun run":                     "",
	"npm run dev":                 "",
	"npm exec vite":               "", // which takes the flags for its own
	"yarn exec vite":              "",
	"pnpm dev":                    "",
	"timeout 9":                   "",
}

func TestProxyHint(t *testing.T) {
	t.Parallel()
	isKnown := map[string]bool{}
	for line, want := range deafTests {
		got := Of(argv(line)).ProxyHint(Outer{Args: []string{"-s", "0", "--proxy"}})
		called, typed, _ := strings.Cut(got, " takes no socket; with --proxy it works: systemfd -s 0 --proxy -- ")
		name, word, _ := strings.Cut(called, " ")
		if typed != want || got != "" && (typed == "" || !strings.Contains(line, name) || !strings.Contains(line, word)) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
		isKnown[name] = true
	}
	for _, d := range deafs {
		if !isKnown[d.name] {
			t.Errorf("%s has no test", d.name)
		}
	}
	if !slices.IsSortedFunc(deafs[:], func(a, b deaf) int { return strings.Compare(a.name, b.name) }) {
		t.Error("the servers are not sorted")
	}
}

// TestProxyHintOfVariable: a server that gets a socket by env(1) needs no --proxy.
func TestProxyHintOfVariable(t *testing.T) {
	t.Parallel()
	if got := Of([]string{"env", "WERKZEUG_SERVER_FD=3", "flask", "run"}).ProxyHint(Outer{}); got != "" {
		t.Error(got)
	}
}
