//go:build linux

package packaging

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

const module = "github.com/systemfd/systemfd"

// TestGoInstall installs by the line of README.md, from a module proxy that has the release.
func TestGoInstall(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "go", "git")
	proxy, gobin := newProxy(t, clone(t)), t.TempDir()
	line := find(t, "`(go install [^`]*)`", read(t, "../README.md"), "README.md has no line for go install")
	goEnv := strings.Split(strings.TrimSpace(run(t, "..", "go", "env", "GOPROXY", "GOMODCACHE")), "\n")
	words := strings.Fields(line)
	cmd := command(t.TempDir(), words[0], words[1:]...)
	// A cache of its own, or a real release of this version would be taken.
	cmd.Env = append(
		cmd.Env, "GOBIN="+gobin, "GOFLAGS=-modcacherw", "GONOSUMDB="+module, "GOMODCACHE="+t.TempDir(),
		"GOPROXY=file://"+proxy+",file://"+goEnv[1]+"/cache/download,"+goEnv[0],
	)
	runs(t, cmd)
	if said := run(t, ".", gobin+"/systemfd", "--version"); !strings.HasPrefix(said, "systemfd v"+version+" (go") { // a proxy has no commits
		t.Errorf("it says %q", said)
	}
	checkPasses(t, gobin+"/systemfd")
}

// newProxy makes a module proxy that has the release of source, and nothing else.
func newProxy(t *testing.T, source string) string {
	t.Helper()
	proxy := t.TempDir()
	release := filepath.Join(proxy, module, "@v", "v"+version)
	write(t, filepath.Join(filepath.Dir(release), "list"), "v"+version+"\n", 0o644)
	write(t, release+".info", `{"Version":"v`+version+`"}`, 0o644)
	write(t, release+".mod", read(t, filepath.Join(source, "go.mod")), 0o644)
	run(t, source, "git", "archive", "--format=zip", "--prefix="+module+"@v"+version+"/", "-o", release+".zip", "HEAD")
	return proxy
}

// installTests has the test that goes each way to install.
var installTests = map[string]string{
	"go install github.com/systemfd/systemfd/cmd/systemfd@latest":   "TestGoInstall",
	"nix run github:systemfd/systemfd -- -s http::3000 -- ./server": "TestNix",
	"brew install systemfd/tap/systemfd":                            "TestRelease/formula, TestFormula",
	"dpkg -i systemfd_*.deb":                                        "TestRelease/deb",
	"rpm -i systemfd-*.rpm":                                         "TestRelease/packages, TestRelease/rpm",
	"apk add --allow-untrusted systemfd_*.apk":                      "TestRelease/packages",
	"pacman -U systemfd-*.pkg.tar.zst":                              "TestRelease/packages",
	"tar -C /usr/local -xzf systemfd_*.tar.gz":                      "TestRelease/archives",
	"scoop bucket add systemfd https://github.com/systemfd/scoop-bucket; scoop install systemfd/systemfd": "TestRelease/scoop",
	"winget install systemfd.systemfd": "TestRelease/winget",
}

// TestReadmeInstall: each way of the table is one that a test here goes, or is marked as one that a release brings.
func TestReadmeInstall(t *testing.T) {
	t.Parallel()
	section := find(t, `(?s)\n## Install\n(.*?)\n## `, read(t, "../README.md"), "README.md has no Install")
	rows := regexp.MustCompile("(?m)^\\| ([^|]+) \\| `([^`]+)` \\| ([^|]*) ?\\|$").FindAllStringSubmatch(section, -1)
	missing := maps.Clone(installTests)
	for _, row := range rows {
		if missing[row[2]] == "" {
			t.Errorf("no test goes the way %q", row[2])
		}
		if now := strings.HasPrefix(row[2], "go ") || strings.HasPrefix(row[2], "nix "); now == strings.Contains(row[3], "from the first release on") {
			t.Errorf("%s: %q", row[1], row[3])
		}
		delete(missing, row[2])
	}
	if len(missing) > 0 {
		t.Errorf("README.md does not have %q", missing)
	}
}

// TestShellHooks runs the lines of docs/shell-hooks.md, each in the shell or make that it is for; the server is inspect.
func TestShellHooks(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "go", "bash", "zsh", "fish", "direnv", "make", "nix-instantiate", "node")
	bin := t.TempDir()
	run(t, "..", "go", "build", "-o", bin+"/systemfd", "./cmd/systemfd")
	blocks := regexp.MustCompile("(?s)\n```([\\w-]+)\n(.*?)```").FindAllStringSubmatch(read(t, "../docs/shell-hooks.md"), -1)
	seen := map[string]int{}
	for _, block := range blocks {
		language, code := block[1], strings.ReplaceAll(block[2], "3000", "0")
		seen[language]++
		for _, text := range newProject(t, bin).follow(t, language, code) {
			if !regexp.MustCompile(`(?m)^3 +http +\S+:\d+ \(tcp listener\) +yes`).MatchString(text) {
				t.Errorf("%s%s: the server finds\n%s", block[0], language, text)
			}
		}
	}
	for _, language := range []string{"sh", "fish", "direnv-lib", "make", "nix", "toml", "yaml", "json"} {
		if seen[language] == 0 {
			t.Errorf("there is nothing for %s", language)
		}
	}
}

// A project is a directory with a server, whose user has systemfd.
type project struct {
	dir string
	env []string
}

func newProject(t *testing.T, bin string) project {
	t.Helper()
	dir := t.TempDir()
	runtime := testkit.Directory(t) // a short path, for the control socket
	p := project{dir, []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + dir, "XDG_RUNTIME_DIR=" + runtime}}
	t.Cleanup(func() { p.run(t, bin+"/systemfd", "stop", "--all") })
	write(t, dir+"/server", "#!/bin/sh\nexec systemfd inspect\n", 0o755)
	return p
}

func (p project) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := command(p.dir, name, args...)
	cmd.Env = append(cmd.Env, p.env...)
	return runs(t, cmd)
}

// runTask runs the task of a tasks.json, with a server that says what it finds.
func (p project) runTask(t *testing.T, code string) string {
	t.Helper()
	var file struct {
		Tasks []struct {
			Command string
			Args    []string
		}
	}
	if err := json.Unmarshal([]byte(code), &file); err != nil || len(file.Tasks) != 1 {
		t.Fatalf("%v: %s", err, code)
	}
	write(t, p.dir+"/server.js", `require("child_process").spawnSync("systemfd", ["--", "./server"], {stdio: [0, 1, 2, 3]})`, 0o644)
	return p.run(t, "env", append([]string{file.Tasks[0].Command}, file.Tasks[0].Args...)...)
}

// follow does what a block of docs/shell-hooks.md says, and returns what each server that it starts says.
func (p project) follow(t *testing.T, language, code string) (said []string) {
	t.Helper()
	switch language {
	case "sh":
		for _, shell := range []string{"bash", "zsh"} {
			said = append(said, p.run(t, shell, "-c", code+"systemfd -- ./server"))
		}
	case "fish":
		said = append(said, p.run(t, "fish", "-c", code+"systemfd -- ./server"))
	case "make":
		write(t, p.dir+"/Makefile", code, 0o644)
		said = append(said, p.run(t, "make", "-s"))
		if strings.Contains(code, "stop:") {
			p.run(t, "make", "-s", "stop")
		}
	case "nix":
		p.run(t, "nix-instantiate", "--parse", "-E", code)
	case "direnv-lib":
		write(t, p.dir+"/.config/direnv/lib/systemfd.sh", code, 0o644)
		write(t, p.dir+"/.envrc", "use systemfd -s http::0\n", 0o644)
		p.run(t, "direnv", "allow")
		said = append(said, p.run(t, "direnv", "exec", ".", "systemfd", "--", "./server"))
	case "toml":
		find(t, `_\.source = "(sockets\.sh)"`, code, "no script is sourced") // mise is not to be had here; the script stands below it
	case "json":
		said = append(said, p.runTask(t, strings.Replace(code, "--inspect", "--inspect=0", 1)))
	case "yaml":
		words := find(t, `command: \[(.*)\]`, code, "there is no command")
		said = append(said, p.run(t, "sh", "-c", strings.ReplaceAll(words, ", ", " ")))
	default:
		t.Errorf("what is %s?", language)
	}
	return said
}
