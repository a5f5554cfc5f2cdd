//go:build linux

package packaging

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestGoInstall installs by the line of README.md, from a module proxy that has the release.
func TestGoInstall(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "go", "git")
	const module = "github.com/systemfd/systemfd"
	source, proxy, gobin := clone(t), t.TempDir(), t.TempDir()
	versions := filepath.Join(proxy, module, "@v")
	write(t, filepath.Join(versions, "list"), "v"+version+"\n", 0o644)
	write(t, filepath.Join(versions, "v"+version+".info"), `{"Version":"v`+version+`"}`, 0o644)
	write(t, filepath.Join(versions, "v"+version+".mod"), read(t, filepath.Join(source, "go.mod")), 0o644)
	run(t, source, "git", "archive", "--format=zip", "--prefix="+module+"@v"+version+"/", "-o", filepath.Join(versions, "v"+version+".zip"), "HEAD")

	line := regexp.MustCompile("`(go install [^`]*)`").FindStringSubmatch(read(t, "../README.md"))
	if line == nil {
		t.Fatal("README.md has no line for go install")
	}
	goEnv := strings.Split(strings.TrimSpace(run(t, "..", "go", "env", "GOPROXY", "GOMODCACHE")), "\n")
	words := strings.Fields(line[1])
	cmd := command(t.TempDir(), words[0], words[1:]...)
	// A cache of its own, or a real release of this version would be taken.
	cmd.Env = append(
		cmd.Env, "GOBIN="+gobin, "GOFLAGS=-modcacherw", "GONOSUMDB="+module, "GOMODCACHE="+t.TempDir(),
		"GOPROXY=file://"+proxy+",file://"+goEnv[1]+"/cache/download,"+goEnv[0],
	)
	runs(t, cmd)
	checkVersion(t, gobin+"/systemfd", "v"+version)
	checkPasses(t, gobin+"/systemfd")
}

// TestReadmeInstall: each way of the table is one that a test here goes, or is marked as one that a release brings.
func TestReadmeInstall(t *testing.T) {
	t.Parallel()
	section := regexp.MustCompile(`(?s)\n## Install\n\n(.*?)\n\n`).FindStringSubmatch(read(t, "../README.md"))
	if section == nil {
		t.Fatal("README.md has no table below Install")
	}
	rows := regexp.MustCompile("(?m)^\\| ([^|]+) \\| `([^`]+)` \\| ([^|]*) ?\\|$").FindAllStringSubmatch(section[1], -1)
	tests := map[string]string{ // and the test
		"go install github.com/systemfd/systemfd/cmd/systemfd@latest":   "TestGoInstall",
		"nix run github:systemfd/systemfd -- -s http::3000 -- ./server": "TestNix",
		"brew install systemfd/tap/systemfd":                            "TestRelease/formula, TestFormula",
		"dpkg -i systemfd_*.deb":                                        "TestRelease/deb",
		"rpm -i systemfd-*.rpm":                                         "TestRelease/packages",
		"apk add --allow-untrusted systemfd_*.apk":                      "TestRelease/packages",
		"pacman -U systemfd-*.pkg.tar.zst":                              "TestRelease/packages",
		"tar -C /usr/local -xzf systemfd_*.tar.gz":                      "TestRelease/archives",
	}
	for _, row := range rows {
		if tests[row[2]] == "" {
			t.Errorf("no test goes the way %q", row[2])
		}
		if now := strings.HasPrefix(row[2], "go ") || strings.HasPrefix(row[2], "nix "); now == strings.Contains(row[3], "from the first release on") {
			t.Errorf("%s: %q", row[1], row[3])
		}
		delete(tests, row[2])
	}
	if len(tests) > 0 {
		t.Errorf("README.md does not have %q", tests)
	}
}

// TestShellHooks runs the lines of SHELL-HOOKS.md, each in the shell or make that it is for; the server is inspect.
func TestShellHooks(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "go", "bash", "zsh", "fish", "make", "nix-instantiate")
	bin := t.TempDir()
	run(t, "..", "go", "build", "-o", bin+"/systemfd", "./cmd/systemfd")
	blocks := regexp.MustCompile("(?s)\n```(\\w+)\n(.*?)```").FindAllStringSubmatch(read(t, "SHELL-HOOKS.md"), -1)
	seen := map[string]int{}
	for _, block := range blocks {
		language, code := block[1], strings.ReplaceAll(block[2], "3000", "0")
		seen[language]++
		dir := t.TempDir()
		runtime, err := os.MkdirTemp("", "nix-") // a short path, for the control socket
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(runtime) })
		in := func(name string, args ...string) string {
			t.Helper()
			cmd := command(dir, name, args...)
			cmd.Env = append(cmd.Env, "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+dir, "XDG_RUNTIME_DIR="+runtime)
			return runs(t, cmd)
		}
		t.Cleanup(func() { in(bin+"/systemfd", "stop", "--all") })
		write(t, dir+"/server", "#!/bin/sh\nexec systemfd inspect\n", 0o755)
		var said []string
		switch language {
		case "sh":
			for _, shell := range []string{"bash", "zsh"} {
				said = append(said, in(shell, "-c", code+"systemfd -- ./server"))
			}
		case "fish":
			said = append(said, in("fish", "-c", code+"systemfd -- ./server"))
		case "make":
			write(t, dir+"/Makefile", code, 0o644)
			said = append(said, in("make", "-s"))
			if strings.Contains(code, "stop:") {
				in("make", "-s", "stop")
			}
		case "nix":
			in("nix-instantiate", "--parse", "-E", block[2])
		case "yaml":
			words := regexp.MustCompile(`command: \[(.*)\]`).FindStringSubmatch(code)
			said = append(said, in("sh", "-c", strings.ReplaceAll(words[1], ", ", " ")))
		default:
			t.Errorf("what is %s?", language)
		}
		for _, text := range said {
			if !regexp.MustCompile(`(?m)^3 +http +\S+:\d+ \(tcp listener\) +yes`).MatchString(text) {
				t.Errorf("%s%s: the server finds\n%s", block[0], language, text)
			}
		}
	}
	for _, language := range []string{"sh", "fish", "make", "nix", "yaml"} {
		if seen[language] == 0 {
			t.Errorf("there is nothing for %s", language)
		}
	}
}
