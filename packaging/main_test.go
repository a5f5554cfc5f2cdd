// Package packaging has no code, but the tests of every way to install systemfd: each gives the same files.
package packaging

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// version is what the tests release.
const version = "1.2.3"

// manVersion is the line of the man page that says the version, in packages that prepare.sh made it for.
const manVersion = ".Os systemfd " + version + "\n"

// shared is what each way installs beside the program, below its prefix, and the file of the repository that it is.
var shared = map[string]string{
	"share/man/man1/systemfd.1":                     "packaging/systemfd.1",
	"share/bash-completion/completions/systemfd":    "completions/systemfd.bash",
	"share/zsh/site-functions/_systemfd":            "completions/_systemfd",
	"share/fish/vendor_completions.d/systemfd.fish": "completions/systemfd.fish",
	"share/nushell/vendor/autoload/systemfd.nu":     "completions/systemfd.nu",
}

var (
	targetList = regexp.MustCompile(`(?s)targets: \[(.*?)\]`)
	target     = regexp.MustCompile(`\w+_\w+`)
)

// machines has those targets of .goreleaser.yaml that the tests build, and what packages of each kind call them: there is
// none for a machine without a name.
var machines = map[string]machine{
	"linux_amd64":   {"amd64", "amd64", "x86_64", "x86_64", "x86_64"},
	"linux_arm64":   {"arm64", "arm64", "aarch64", "aarch64", "aarch64"},
	"linux_arm_6":   {"armv6", "armhf", "armv6hl", "armhf", ""},
	"darwin_arm64":  {archive: "arm64"},
	"freebsd_amd64": {archive: "amd64"},
	"windows_amd64": {archive: "amd64"},
}

type machine struct{ archive, deb, rpm, apk, arch string }

// clone makes a repository with one commit, tagged as version: the files of this one that git does not ignore. It has
// fewer targets, and ports that the examples of Nix name are free ones.
func clone(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range files(t) {
		from := filepath.Join("..", name)
		info, err := os.Stat(from)
		if err != nil {
			t.Fatal(err)
		}
		text := read(t, from)
		switch filepath.ToSlash(name) {
		case "CHANGELOG.md": // the newest section becomes that of the release
			newest := regexp.MustCompile(`(?m)^## .*`).FindString(text)
			text = strings.Replace(text, newest, "## "+version+" (2026-01-02)", 1)
		case ".goreleaser.yaml": // all would take minutes
			text = targetList.ReplaceAllStringFunc(text, fewer)
		case "flake.nix", "packaging/nix/template/flake.nix":
			text = strings.ReplaceAll(text, "http::3000", "http::0")
		}
		write(t, filepath.Join(dir, name), text, info.Mode())
	}
	run(t, dir, "git", "init", "-q", "-b", "main")
	run(t, dir, "git", "remote", "add", "origin", "https://github.com/systemfd/systemfd")
	commit(t, dir)
	run(t, dir, "git", "tag", "v"+version)
	return dir
}

// fewer leaves only those of machines in a list of targets.
func fewer(list string) string {
	targets := slices.DeleteFunc(target.FindAllString(list, -1), func(name string) bool { return machines[name].archive == "" })
	return "targets: [" + strings.Join(targets, ", ") + "]"
}

// files lists those of this repository that git does not ignore, committed or not.
func files(t *testing.T, patterns ...string) []string {
	t.Helper()
	testkit.Need(t, "git")
	list := exec.Command("git", append([]string{"ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"}, patterns...)...)
	list.Dir = ".."
	var names []string
	for name := range strings.SplitSeq(strings.TrimSuffix(runs(t, list), "\x00"), "\x00") {
		if _, err := os.Stat(filepath.Join("..", name)); err == nil { // not one that was just removed
			names = append(names, name)
		}
	}
	return names
}

func commit(t *testing.T, dir string) {
	t.Helper()
	run(t, dir, "git", "add", "-A")
	run(t, dir, "git", "-c", "user.name=tester", "-c", "user.email=tester@example.com", "commit", "-q", "-m", "all")
}

// command is one with an environment that is the same everywhere: each commit is made at the same time.
func command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(
		os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z", "LC_ALL=C.UTF-8",
	)
	return cmd
}

// run returns the standard output of a command that has to succeed.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	return runs(t, command(dir, name, args...))
}

func runs(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, &stdout, &stderr)
	}
	return stdout.String()
}

// fails returns what a command says that has to fail.
func fails(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("%s succeeds:\n%s", cmd, out)
	}
	return string(out)
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, name, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// checkInstalled compares everything below prefix, but the program, with shared and more; names of the way's own are
// given as pairs: what it is called, what it is called here.
func checkInstalled(t *testing.T, source, prefix string, more map[string]string, names ...string) {
	t.Helper()
	want := maps.Clone(shared)
	maps.Copy(want, more)
	rename := strings.NewReplacer(names...)
	var found []string
	for _, relative := range filesBelow(t, prefix) {
		path := filepath.Join(prefix, relative)
		name := rename.Replace(strings.TrimSuffix(relative, ".gz"))
		if name == "bin/systemfd" {
			checkExecutable(t, path)
		} else if file, ok := want[name]; !ok {
			t.Errorf("%s is not one of %q", relative, slices.Sorted(maps.Keys(want)))
		} else if file != "" && strings.Replace(readPlain(t, path), manVersion, ".Os systemfd\n", 1) != read(t, filepath.Join(source, file)) {
			t.Errorf("%s is not %s", relative, file)
		}
		found = append(found, name)
	}
	for _, name := range append(slices.Sorted(maps.Keys(want)), "bin/systemfd") {
		if !slices.Contains(found, name) {
			t.Errorf("%s is missing below %s, which has %q", name, prefix, found)
		}
	}
}

// filesBelow lists everything in dir but directories, with "/" in the names.
func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func checkExecutable(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode()&0o111 == 0 {
		t.Errorf("%s has mode %v", path, info.Mode())
	}
}

// readPlain is read, and unzips.
func readPlain(t *testing.T, path string) string {
	t.Helper()
	if strings.HasSuffix(path, ".gz") {
		return unzip(t, read(t, path))
	}
	return read(t, path)
}

func unzip(t *testing.T, text string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// find returns what the group in pattern matches in text. If nothing matches, the test ends, and says otherwise.
func find(t *testing.T, pattern, text, otherwise string) string {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("%s:\n%s", otherwise, text)
	}
	return match[1]
}

// checkVersion has the program say its version.
func checkVersion(t *testing.T, program, want string) {
	t.Helper()
	if said := run(t, ".", program, "--version"); !strings.HasPrefix(said, "systemfd "+want+" (commit ") {
		t.Errorf("%s says %q, want version %s", program, said, want)
	}
}

// checkPasses has the program pass a socket to a reader that checks everything.
func checkPasses(t *testing.T, program string) {
	t.Helper()
	if said := run(t, ".", program, "-s", "http::0", "--", program, "inspect"); !strings.Contains(said, "http") {
		t.Errorf("%s passes %q", program, said)
	}
}
