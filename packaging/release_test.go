//go:build linux

package packaging

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// release runs packaging/release.sh, as CI does, with a flag that keeps it from publishing, and returns the folder of what
// it made.
func release(t *testing.T, source, flag string, env ...string) string {
	t.Helper()
	testkit.Need(t, "goreleaser", "go")
	cmd := command(source, "packaging/release.sh", flag)
	cmd.Env = append(cmd.Env, append([]string{"GPG_FINGERPRINT="}, env...)...)
	runs(t, cmd)
	return filepath.Join(source, "dist")
}

// TestRelease builds a release twice, and looks at all that is in it.
func TestRelease(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "goreleaser", "bsdtar")
	run(t, "..", "goreleaser", "check")
	source := clone(t)
	dist := release(t, source, "--skip=publish")
	sums := read(t, filepath.Join(dist, "checksums.txt"))

	t.Run("files", func(t *testing.T) {
		run(t, dist, "sha256sum", "--check", "--ignore-missing", "checksums.txt")
		var want []string
		for _, machine := range []struct{ name, rpm string }{{"amd64", "x86_64"}, {"arm64", "aarch64"}} {
			for _, system := range []string{"linux", "darwin", "freebsd"} {
				name := fmt.Sprintf("systemfd_%s_%s_%s", version, system, machine.name)
				want = append(want, name+".sbom.json", name+".tar.gz")
			}
			want = append(
				want, "systemfd_"+version+"_"+machine.name+".deb", "systemfd-"+version+"-1."+machine.rpm+".rpm",
				"systemfd_"+version+"_"+machine.rpm+".apk", "systemfd-"+version+"-1-"+machine.rpm+".pkg.tar.zst",
			)
		}
		want = append(want, "systemfd-"+version+".tar.gz", "systemfd.rb")
		var is []string
		for line := range strings.Lines(sums) {
			is = append(is, strings.Fields(line)[1])
		}
		slices.Sort(want)
		slices.Sort(is)
		if !slices.Equal(is, want) {
			t.Errorf("checksums.txt has %q, want %q", is, want)
		}
	})
	t.Run("snapshot", func(t *testing.T) { // of a commit that has no version yet
		source := clone(t)
		file := filepath.Join(source, "CHANGELOG.md")
		write(t, file, strings.Replace(read(t, file), "## "+version, "## Unreleased\n\n- More.\n\n## "+version, 1), 0o644)
		commit(t, source)
		if debs := glob(t, release(t, source, "--snapshot"), "*SNAPSHOT*.deb"); len(debs) != 2 {
			t.Errorf("there are the packages %q", debs)
		}
	})
	t.Run("again", func(t *testing.T) { checkAgain(t, source, sums) })
	t.Run("archives", func(t *testing.T) { checkArchives(t, source, dist) })
	t.Run("packages", func(t *testing.T) { checkPackages(t, source, dist) })
	t.Run("bill of materials", func(t *testing.T) { checkMaterials(t, source, dist) })
	t.Run("formula", func(t *testing.T) {
		prepared := filepath.Join(source, "packaging/generated")
		formula, archive := filepath.Join(prepared, "systemfd.rb"), "systemfd-"+version+".tar.gz"
		if text := read(t, formula); !strings.Contains(text, "/v"+version+"/"+archive+`"`) || !strings.Contains(text, sum(t, sums, archive)) {
			t.Errorf("the formula does not have the archive:\n%s", text)
		}
		if names := run(t, prepared, "bsdtar", "-tf", archive); !strings.Contains(names, "systemfd-"+version+"/go.mod\n") {
			t.Errorf("the archive has %s", names)
		}
		if said := brew(t, formula, source); !strings.HasPrefix(said, version+": ") {
			t.Errorf("the harness says %q", said)
		}
	})
	t.Run("cask", func(t *testing.T) { checkCask(t, dist, sums) })
	t.Run("deb", func(t *testing.T) {
		checkDeb(t, source, filepath.Join(dist, "systemfd_"+version+"_"+runtime.GOARCH+".deb"))
	})
}

// sum is the checksum of a file of the release.
func sum(t *testing.T, sums, name string) string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^([0-9a-f]{64})  ` + regexp.QuoteMeta(name) + `$`).FindStringSubmatch(sums)
	if line == nil {
		t.Fatalf("checksums.txt does not have %s", name)
	}
	return line[1]
}

// checkAgain builds the same commit elsewhere, and signs this time.
func checkAgain(t *testing.T, source, sums string) {
	testkit.Need(t, "gpg")
	home, err := os.MkdirTemp("", "gpg-") // a short path, for the agent's socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	gpg := func(args ...string) string {
		cmd := command(".", args[0], args[1:]...)
		cmd.Env = append(cmd.Env, "GNUPGHOME="+home)
		return runs(t, cmd)
	}
	t.Cleanup(func() { gpg("gpgconf", "--kill", "all") })
	gpg("gpg", "--batch", "--passphrase", "", "--quick-generate-key", "tester@example.com", "ed25519", "sign", "never")
	fingerprint := regexp.MustCompile(`(?m)^fpr:+([0-9A-F]+):`).FindStringSubmatch(gpg("gpg", "--list-secret-keys", "--with-colons"))[1]

	again := t.TempDir()
	run(t, source, "git", "clone", "-q", source, again)
	run(t, again, "git", "remote", "set-url", "origin", "https://github.com/systemfd/systemfd")
	dist := release(t, again, "--skip=publish", "GPG_FINGERPRINT="+fingerprint, "GNUPGHOME="+home)
	list := filepath.Join(dist, "checksums.txt")
	if is := read(t, list); is != sums {
		t.Errorf("another build of the same commit has\n%s, the first\n%s", is, sums)
	}
	gpg("gpg", "--batch", "--verify", list+".sig", list)
}

// checkArchives unpacks each as the README says, but elsewhere.
func checkArchives(t *testing.T, source, dist string) {
	archives := glob(t, dist, "*.tar.gz")
	if len(archives) != 6 {
		t.Errorf("there are %q", archives)
	}
	for _, archive := range archives {
		prefix := t.TempDir()
		run(t, prefix, "bsdtar", "-xf", archive)
		checkInstalled(t, source, prefix, map[string]string{
			"share/doc/systemfd/CHANGELOG.md":     "CHANGELOG.md",
			"share/doc/systemfd/LICENSE":          "LICENSE",
			"share/doc/systemfd/README.md":        "README.md",
			"share/doc/systemfd/copyright":        "packaging/copyright",
			"share/pwsh/completions/systemfd.ps1": "completions/systemfd.ps1",
		})
		if strings.HasSuffix(archive, "_linux_"+runtime.GOARCH+".tar.gz") {
			checkVersion(t, prefix+"/bin/systemfd", version)
			checkPasses(t, prefix+"/bin/systemfd")
		}
	}
}

// checkPackages unpacks those of rpm, apk and pacman; what they call themselves is in their lists.
func checkPackages(t *testing.T, source, dist string) {
	packages := slices.Concat(glob(t, dist, "*.rpm"), glob(t, dist, "*.apk"), glob(t, dist, "*.zst"))
	if len(packages) != 6 {
		t.Errorf("there are %q", packages)
	}
	for _, name := range packages {
		root := t.TempDir()
		run(t, root, "bsdtar", "-xf", name, "--exclude", ".PKGINFO", "--exclude", ".MTREE")
		checkInstalled(t, source, filepath.Join(root, "usr"), map[string]string{
			"share/doc/systemfd/CHANGELOG.md":   "CHANGELOG.md",
			"share/licenses/systemfd/LICENSE":   "LICENSE",
			"share/licenses/systemfd/copyright": "packaging/copyright",
		})
		if entries := glob(t, root, "*"); len(entries) != 1 {
			t.Errorf("%s has more than usr: %q", name, entries)
		}
		if !strings.HasSuffix(name, ".rpm") {
			if info := run(t, root, "bsdtar", "-xOf", name, ".PKGINFO"); !strings.Contains(info, "pkgver = "+version) {
				t.Errorf("%s has %s", name, info)
			}
		}
	}
	testkit.Need(t, "rpm")
	for _, name := range glob(t, dist, "*.rpm") {
		if list := run(t, dist, "rpm", "-qlp", name); !strings.Contains(list, "/usr/bin/systemfd\n") || !strings.Contains(list, "/usr/share/man/man1/systemfd.1.gz\n") {
			t.Errorf("rpm lists %s", list)
		}
		if licenses := run(t, dist, "rpm", "-qp", "--licensefiles", name); !strings.Contains(licenses, "/LICENSE\n") {
			t.Errorf("rpm knows the licenses %q", licenses)
		}
	}
}

// checkMaterials compares the bills with go.mod, and the licenses with the bills.
func checkMaterials(t *testing.T, source, dist string) {
	copyright := read(t, filepath.Join(source, "packaging/copyright"))
	modules := read(t, filepath.Join(source, "go.mod"))
	for _, name := range glob(t, dist, "*.sbom.json") {
		var bill struct {
			Path string
			Deps []struct{ Path, Version, Sum string }
		}
		if err := json.Unmarshal([]byte(read(t, name)), &bill); err != nil {
			t.Fatal(err)
		}
		if bill.Path != "github.com/systemfd/systemfd/cmd/systemfd" || len(bill.Deps) == 0 {
			t.Errorf("%s has %+v", name, bill)
		}
		for _, dep := range bill.Deps {
			if !strings.Contains(modules, dep.Path+" "+dep.Version) || dep.Sum == "" {
				t.Errorf("%s has %v, go.mod has not", name, dep)
			}
			if !strings.Contains(copyright, "vendor/"+dep.Path+"/*") {
				t.Errorf("packaging/copyright does not have %s, which is in the program", dep.Path)
			}
		}
	}
}

// checkCask looks whether what the cask names is there; brew itself wants a machine of its own.
func checkCask(t *testing.T, dist, sums string) {
	testkit.Need(t, "ruby")
	cask := filepath.Join(dist, "homebrew/Casks/systemfd.rb")
	run(t, dist, "ruby", "-c", cask)
	text := read(t, cask)
	for _, system := range []string{"darwin", "linux"} {
		for _, machine := range []string{"amd64", "arm64"} {
			archive := fmt.Sprintf("systemfd_%s_%s_%s.tar.gz", version, system, machine)
			if !strings.Contains(text, sum(t, sums, archive)) || !strings.Contains(text, strings.Replace(archive, version, "#{version}", 1)) {
				t.Errorf("the cask does not have %s", archive)
			}
			names := strings.Split(run(t, dist, "bsdtar", "-tf", archive), "\n")
			stanzas := regexp.MustCompile(`(?m)^  (?:binary|manpage|\w+_completion) "(.*)"`).FindAllStringSubmatch(text, -1)
			if len(stanzas) != 5 {
				t.Errorf("the cask has %q", stanzas)
			}
			for _, stanza := range stanzas {
				if !slices.Contains(names, stanza[1]) {
					t.Errorf("%s does not have %s", archive, stanza[1])
				}
			}
		}
	}
}

// checkDeb has lintian look at the package, installs it, uses it, and removes it.
func checkDeb(t *testing.T, source, deb string) {
	testkit.Need(t, "dpkg-deb")
	root := t.TempDir()
	run(t, root, "dpkg-deb", "-x", deb, root)
	checkInstalled(t, source, filepath.Join(root, "usr"), map[string]string{
		"share/doc/systemfd/changelog":     "", // in Debian's form
		"share/doc/systemfd/copyright":     "packaging/copyright",
		"share/lintian/overrides/systemfd": "packaging/lintian-overrides",
	}, "zsh/vendor-completions", "zsh/site-functions")
	changes := unzip(t, read(t, filepath.Join(root, "usr/share/doc/systemfd/changelog.gz")))
	if !strings.HasPrefix(changes, "systemfd ("+version+") unstable; urgency=medium\n\n  * ") {
		t.Errorf("the changelog is\n%s", changes)
	}

	t.Run("lintian", func(t *testing.T) {
		testkit.Need(t, "lintian")
		if said := run(t, root, "lintian", "--allow-root", "--fail-on", "error,warning", deb); said != "" {
			t.Errorf("lintian says %s", said)
		}
	})

	t.Run("install", func(t *testing.T) {
		testkit.Need(t, "dpkg", "man", "bash", "zsh", "fish")
		if os.Getuid() != 0 {
			t.Skip("dpkg -i is for root")
		}
		if command(".", "dpkg", "-s", "systemfd").Run() == nil {
			t.Skip("systemfd is installed")
		}
		t.Cleanup(func() { _ = command(".", "dpkg", "-P", "systemfd").Run() })
		// Containers have dpkg leave out man pages and documents.
		run(t, root, "dpkg", "--path-include=/usr/share/man/*", "--path-include=/usr/share/doc/*", "-i", deb)
		files := strings.Fields(run(t, root, "dpkg", "-L", "systemfd"))

		checkVersion(t, "/usr/bin/systemfd", version)
		checkPasses(t, "/usr/bin/systemfd")
		if at := run(t, root, "man", "-w", "systemfd"); at != "/usr/share/man/man1/systemfd.1.gz\n" {
			t.Errorf("man finds %q", at)
		}
		if page := run(t, root, "man", "-P", "cat", "systemfd"); !strings.Contains(page, "systemfd") {
			t.Errorf("man shows %q", page)
		}
		checkTab(t)

		run(t, root, "dpkg", "-r", "systemfd")
		for _, file := range files {
			if _, err := os.Lstat(file); err == nil && strings.Contains(file, "systemfd") {
				t.Errorf("%s is left", file)
			}
		}
		if err := command(".", "dpkg", "-s", "systemfd").Run(); err == nil {
			t.Error("dpkg still knows it")
		}
	})
}

// checkTab completes a flag in each shell, as a new session of a user has it, from what is installed.
func checkTab(t *testing.T) {
	home := t.TempDir()
	for shell, code := range map[string]string{
		"bash": `
			PS1=x; . /usr/share/bash-completion/bash_completion
			COMP_WORDS=(systemfd --back) COMP_CWORD=1 COMP_LINE='systemfd --back' COMP_POINT=15
			_completion_loader systemfd
			read -r _ _ function _ < <(complete -p systemfd | sed 's/.* \(-F [^ ]*\).*/x \1/')
			$function systemfd --back systemfd; echo "${COMPREPLY[@]}"`,
		"zsh":  `autoload -Uz compinit && compinit -u -D && [[ $_comps[systemfd] == _systemfd ]] && autoload +X _systemfd && echo ${functions[_systemfd]}`,
		"fish": `complete -C 'systemfd --back'`,
	} {
		cmd := command(home, shell, "-c", code)
		cmd.Env = append(cmd.Env, "HOME="+home, "XDG_CONFIG_HOME="+home, "PATH=/usr/bin:/bin")
		if said := runs(t, cmd); !strings.Contains(said, "--backlog") {
			t.Errorf("%s completes --back to %q", shell, said)
		}
	}
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestWorkflows has actionlint look at the workflows.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "actionlint")
	run(t, "..", "actionlint", ".github/workflows/test.yml", ".github/workflows/release.yml")
}

// TestReleaseVersion: where tag and changelog differ, nothing is released.
func TestReleaseVersion(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "awk", "gzip")
	source := clone(t)
	if said := fails(t, command(source, "packaging/prepare.sh", "9.9.9")); !strings.Contains(said, "CHANGELOG.md begins with "+version+", and the tag is 9.9.9") {
		t.Errorf("it fails with %q", said)
	}
}
