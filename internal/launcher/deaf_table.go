package launcher

// runners start a program of a package, or a script, that follows their own arguments. Runners that are launchers too, such as npx, are
// in the other table.
var runners = [...]launcher{
	{name: "bun", word: "run", ends: true, measured: "1.4.5"},
	{name: "bun", word: "x", ends: true},
	{name: "bundle", word: "exec", ends: true, measured: "2.3.15"},
	{name: "bunx", ends: true},
	{name: "npm", word: "exec", ends: true, after: "--", measured: "11.19.1"},
	{name: "pnpm", ends: true, values: "C dir F filter", measured: "12.21.0"},
	{name: "python", ends: true, values: "W X", measured: "3.11"}, // its program is the module of -m
	{name: "yarn", word: "run", ends: true, measured: "1.22.22"},
	{name: "yarn", ends: true, values: "cwd"},
}

// deafs are the known servers that take no socket, as measured on Debian 12 with Node 20. None touched the socket, and each answered
// behind --proxy with the flags of its row.
var deafs = [...]deaf{
	{name: "astro", words: "dev", measured: "5.18.2"},
	{name: "browser-sync", words: "start", measured: "3.0.4"},
	{name: "deno", words: "serve", measured: "2.9.6"},
	{name: "django", words: "runserver", put: "{port}", values: djangoValues, measured: "3.2.25"}, // python3 -m
	{name: "django-admin", words: "runserver", put: "{port}", values: djangoValues, measured: "3.2.25"},
	{name: "eleventy", words: "--serve", measured: "3.1.8"},
	{name: "flask", words: "run", flags: "p", values: "A app e env-file", measured: "2.2.2, 3.1.3"},
	{name: "http-server", isCommon: true, put: "-p {port}", flags: "p", measured: "14.1.1"},
	{name: "http.server", put: "{port}", values: "b bind d directory p protocol", measured: "Python 3.11"},
	{name: "hugo", words: "serve server", flags: "p", values: "s source", measured: "0.111.3"},
	{name: "jekyll", words: "s serve server", flags: "P", measured: "4.3.1"},
	{name: "json-server", flags: "p", measured: "0.17.4"},
	{name: "live-server", put: "--port={port}", measured: "1.2.2"},
	{name: "manage.py", words: "runserver", put: "{port}", values: djangoValues, measured: "Django 3.2.25"},
	{name: "mkdocs", words: "serve", put: "-a 127.0.0.1:{port}", flags: "a dev-addr", measured: "1.4.2"},
	{name: "next", words: "dev start", flags: "p", measured: "16.4.6"},
	{name: "ng", words: "serve", measured: "21.2.28"},
	{name: "nuxt", words: "dev", flags: "p", measured: "3.21.11, 4.4.5"},
	{name: "parcel", unless: "build help watch", flags: "p", measured: "2.16.4"},
	{name: "php", words: "-S", put: "-S 127.0.0.1:{port}", flags: "S", values: "c d t", measured: "8.2.36"},
	{name: "redis-server", measured: "7.0.15"},
	{name: "rsbuild", words: "dev", measured: "2.3.2"},
	{name: "rspack", words: "serve", measured: "2.2.8"},
	{name: "serve", isCommon: true, put: "-l {port}", flags: "l listen p", measured: "14.2.7"},
	{name: "storybook", words: "dev", flags: "p", measured: "10.6.7"},
	{name: "thin", words: "start", flags: "p", measured: "1.8.1"},
	{name: "vite", unless: "build optimize", beside: "--strictPort", measured: "5.4.21, 6.4.6, 8.3.8"},
	{name: "vitepress", unless: "build init", measured: "1.6.4"},
	{name: "vue-cli-service", words: "serve", measured: "5.0.9"},
	{name: "webpack", words: "s serve server", measured: "5.112.2"},
	{name: "webpack-dev-server", measured: "5.2.7"},
	{name: "wrangler", words: "dev", measured: "4.86.0"},
}

const djangoValues = "pythonpath settings v verbosity"
