//go:build linux

package packaging

import (
	"encoding/json"
	"fmt"
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

	t.Run("files", func(t *testing.T) { checkFiles(t, dist, sums) })
	t.Run("snapshot", checkSnapshot)
	t.Run("again", func(t *testing.T) { checkAgain(t, source, sums) })
	t.Run("archives", func(t *testing.T) { checkArchives(t, source, dist) })
	t.Run("packages", func(t *testing.T) { checkPackages(t, source, dist) })
	t.Run("rpm", func(t *testing.T) { checkRPM(t, dist) })
	t.Run("bill of materials", func(t *testing.T) { checkMaterials(t, source, dist) })
	t.Run("formula", func(t *testing.T) { checkFormula(t, source, sums) })
	t.Run("cask", func(t *testing.T) { checkCask(t, dist, sums) })
	t.Run("deb", func(t *testing.T) {
		checkDeb(t, source, filepath.Join(dist, "systemfd_"+version+"_"+runtime.GOARCH+".deb"))
	})
}

// releaseFiles returns the names that checksums.txt of a release has.
func releaseFiles() []string {
	names := []string{"systemfd-" + version + ".tar.gz", "systemfd.rb"}
	for _, machine := range []struct{ name, rpm string }{{"amd64", "x86_64"}, {"arm64", "aarch64"}} {
		for _, system := range []string{"linux", "darwin", "freebsd"} {
			name := fmt.Sprintf("systemfd_%s_%s_%s", version, system, machine.name)
			names = append(names, name+".sbom.json", name+".tar.gz")
		}
		names = append(
			names, "systemfd_"+version+"_"+machine.name+".deb", "systemfd-"+version+"-1."+machine.rpm+".rpm",
			"systemfd_"+version+"_"+machine.rpm+".apk", "systemfd-"+version+"-1-"+machine.rpm+".pkg.tar.zst",
		)
	}
	return names
}

// checkFiles compares checksums.txt with the files, and with what a release has.
func checkFiles(t *testing.T, dist, sums string) {
	run(t, dist, "sha256sum", "--check", "--ignore-missing", "checksums.txt")
	var is []string
	for line := range strings.Lines(sums) {
		is = append(is, strings.Fields(line)[1])
	}
	slices.Sort(is)
	if want := slices.Sorted(slices.Values(releaseFiles())); !slices.Equal(is, want) {
		t.Errorf("checksums.txt has %q, want %q", is, want)
	}
}

// checkSnapshot builds a commit that has no version yet.
func checkSnapshot(t *testing.T) {
	source := clone(t)
	file := filepath.Join(source, "CHANGELOG.md")
	write(t, file, strings.Replace(read(t, file), "## "+version, "## Unreleased\n\n- More.\n\n## "+version, 1), 0o644)
	commit(t, source)
	if debs := glob(t, release(t, source, "--snapshot"), "*SNAPSHOT*.deb"); len(debs) != 2 {
		t.Errorf("there are the packages %q", debs)
	}
}

// sum is the checksum of a file of the release.
func sum(t *testing.T, sums, name string) string {
	t.Helper()
	return find(t, `(?m)^([0-9a-f]{64})  `+regexp.QuoteMeta(name)+`$`, sums, "checksums.txt does not have "+name)
}

// checkAgain builds the same commit elsewhere, and signs this time.
func checkAgain(t *testing.T, source, sums string) {
	signer := newGPG(t)
	again := t.TempDir()
	run(t, source, "git", "clone", "-q", source, again)
	run(t, again, "git", "remote", "set-url", "origin", "https://github.com/systemfd/systemfd")
	dist := release(t, again, "--skip=publish", "GPG_FINGERPRINT="+signer.fingerprint(t), "GNUPGHOME="+signer.home)
	list := filepath.Join(dist, "checksums.txt")
	if is := read(t, list); is != sums {
		t.Errorf("another build of the same commit has\n%s, the first\n%s", is, sums)
	}
	signer.run(t, "gpg", "--batch", "--verify", list+".sig", list)
}

// gpg is GnuPG with a home of its own, in which there is one key.
type gpg struct{ home string }

func newGPG(t *testing.T) gpg {
	t.Helper()
	testkit.Need(t, "gpg")
	g := gpg{testkit.Directory(t)} // a short path, for the agent's socket
	t.Cleanup(func() { g.run(t, "gpgconf", "--kill", "all") })
	g.run(t, "gpg", "--batch", "--passphrase", "", "--quick-generate-key", "tester@example.com", "ed25519", "sign", "never")
	return g
}

func (g gpg) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := command(".", name, args...)
	cmd.Env = append(cmd.Env, "GNUPGHOME="+g.home)
	return runs(t, cmd)
}

func (g gpg) fingerprint(t *testing.T) string {
	t.Helper()
	return find(t, `(?m)^fpr:+([0-9A-F]+):`, g.run(t, "gpg", "--list-secret-keys", "--with-colons"), "there is no key")
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
}

// checkRPM has rpm read its packages.
func checkRPM(t *testing.T, dist string) {
	testkit.Need(t, "rpm")
	for _, name := range glob(t, dist, "*.rpm") {
		list := run(t, dist, "rpm", "-qlp", name)
		for _, file := range []string{"/usr/bin/systemfd\n", "/usr/share/man/man1/systemfd.1.gz\n"} {
			if !strings.Contains(list, file) {
				t.Errorf("rpm lists %s", list)
			}
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

// checkFormula looks for the archive that the formula names, and installs from it.
func checkFormula(t *testing.T, source, sums string) {
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
	said := fails(t, command(source, "packaging/prepare.sh", "9.9.9"))
	if !strings.Contains(said, "CHANGELOG.md begins with "+version+", and the tag is 9.9.9") {
		t.Errorf("it fails with %q", said)
	}
}
