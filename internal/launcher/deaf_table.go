package launcher

// runners start a program of a package, or a script, in which their arguments end. Those that are launchers, too, as npx, are
// in the other table.
var runners = [...]launcher{
	{name: "bun", word: "run", ends: true}, // 1.4.5
	{name: "bun", word: "x", ends: true},
	{name: "bundle", word: "exec", ends: true}, // 2.3.15
	{name: "bunx", ends: true},
	{name: "npm", word: "exec", ends: true, after: "--"}, // 11.19.1
	{name: "pnpm", ends: true, values: "C dir F filter"}, // 12.21.0
	{name: "python", ends: true, values: "W X"},          // 3.11; the module of -m is such a program
	{name: "yarn", word: "run", ends: true},              // 1.22.22
	{name: "yarn", ends: true, values: "cwd"},
}

// deafs are the known servers that take no socket, as measured on Debian 12 with Node 20: none touched the socket, and each
// answered behind --proxy when told the port as its row says.
var deafs = [...]deaf{
	{name: "astro", words: "dev"},                                                       // 5.18.2
	{name: "browser-sync", words: "start"},                                              // 3.0.4
	{name: "deno", words: "serve"},                                                      // 2.9.6
	{name: "django", words: "runserver", put: "{port}", values: djangoValues},           // 3.2.25, of python3 -m
	{name: "django-admin", words: "runserver", put: "{port}", values: djangoValues},     // 3.2.25
	{name: "eleventy", words: "--serve"},                                                // 3.1.8
	{name: "flask", words: "run", flags: "p", values: "A app e env-file"},               // 2.2.2, 3.1.3
	{name: "http-server", isCommon: true, put: "-p {port}", flags: "p"},                 // 14.1.1
	{name: "http.server", put: "{port}", values: "b bind d directory p protocol"},       // Python 3.11
	{name: "hugo", words: "serve server", flags: "p", values: "s source"},               // 0.111.3
	{name: "jekyll", words: "s serve server", flags: "P"},                               // 4.3.1
	{name: "json-server", flags: "p"},                                                   // 0.17.4
	{name: "live-server", put: "--port={port}"},                                         // 1.2.2
	{name: "manage.py", words: "runserver", put: "{port}", values: djangoValues},        // Django 3.2.25
	{name: "mkdocs", words: "serve", put: "-a 127.0.0.1:{port}", flags: "a dev-addr"},   // 1.4.2
	{name: "next", words: "dev start", flags: "p"},                                      // 16.4.6
	{name: "ng", words: "serve"},                                                        // 21.2.28
	{name: "nuxt", words: "dev", flags: "p"},                                            // 3.21.11, 4.4.5
	{name: "parcel", unless: "build help watch", flags: "p"},                            // 2.16.4
	{name: "php", words: "-S", put: "-S 127.0.0.1:{port}", flags: "S", values: "c d t"}, // 8.2.36
	{name: "redis-server"},                                                              // 7.0.15
	{name: "rsbuild", words: "dev"},                                                     // 2.3.2
	{name: "rspack", words: "serve"},                                                    // 2.2.8
	{name: "serve", isCommon: true, put: "-l {port}", flags: "l listen p"},              // 14.2.7
	{name: "storybook", words: "dev", flags: "p"},                                       // 10.6.7
	{name: "thin", words: "start", flags: "p"},                                          // 1.8.1
	{name: "vite", unless: "build optimize", beside: "--strictPort"},                    // 5.4.21, 6.4.6, 8.3.8
	{name: "vitepress", unless: "build init"},                                           // 1.6.4
	{name: "vue-cli-service", words: "serve"},                                           // 5.0.9
	{name: "webpack", words: "s serve server"},                                          // 5.112.2
	{name: "webpack-dev-server"},                                                        // 5.2.7
	{name: "wrangler", words: "dev"},                                                    // 4.86.0
}

const djangoValues = "pythonpath settings v verbosity"
