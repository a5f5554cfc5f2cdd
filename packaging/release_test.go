//go:build linux

package packaging

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// release runs packaging/release.sh, as CI does, with a flag that keeps it from publishing, and returns the directory of
// what it made. under is a command that starts it, or nil.
func release(t *testing.T, source, flag string, under []string, env ...string) string {
	t.Helper()
	testkit.Need(t, "goreleaser", "cyclonedx-gomod", "go")
	words := append(slices.Clone(under), "packaging/release.sh", flag)
	cmd := command(source, words[0], words[1:]...)
	cmd.Env = append(cmd.Env, append([]string{"GPG_FINGERPRINT="}, env...)...)
	runs(t, cmd)
	return filepath.Join(source, "dist")
}

// elsewhere starts a command on a machine of another name, or is nil if this machine has no namespaces for that.
func elsewhere(t *testing.T) []string {
	t.Helper()
	words := []string{"unshare", "--map-root-user", "--uts", "sh", "-c", `hostname elsewhere && exec "$@"`, "sh"}
	if out, err := exec.Command(words[0], append(words[1:], "true")...).CombinedOutput(); err != nil {
		t.Logf("another build has the same machine's name: %s", out)
		return nil
	}
	return words
}

// TestRelease builds a release twice, and looks at all that is in it.
func TestRelease(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "goreleaser", "bsdtar")
	source := clone(t)
	dist := release(t, source, "--skip=publish", nil)
	sums := read(t, filepath.Join(dist, "checksums.txt"))

	t.Run("files", func(t *testing.T) { checkFiles(t, dist, sums) })
	t.Run("snapshot", checkSnapshot)
	t.Run("again", func(t *testing.T) { checkAgain(t, source, sums) })
	t.Run("archives", func(t *testing.T) { checkArchives(t, source, dist) })
	t.Run("zip", func(t *testing.T) { checkZip(t, source, dist) })
	t.Run("scoop", func(t *testing.T) { checkScoop(t, dist) })
	t.Run("winget", func(t *testing.T) { checkWinget(t, dist) })
	t.Run("packages", func(t *testing.T) { checkPackages(t, source, dist) })
	t.Run("rpm", func(t *testing.T) { checkRPM(t, dist) })
	t.Run("bill of materials", func(t *testing.T) { checkMaterials(t, source, dist) })
	t.Run("formula", func(t *testing.T) { checkFormula(t, source) })
	t.Run("source", func(t *testing.T) { checkSource(t, source) })
	t.Run("registries", func(t *testing.T) { checkRegistries(t, dist) })
	t.Run("deb", func(t *testing.T) {
		checkDeb(t, source, filepath.Join(dist, "systemfd_"+version+"_"+runtime.GOARCH+".deb"))
	})
}

// releaseFiles returns the names that checksums.txt of a release has.
func releaseFiles() []string {
	names := []string{"systemfd-" + version + ".tar.gz", "systemfd.rb"}
	for target, machine := range machines {
		system, _, _ := strings.Cut(target, "_")
		name := fmt.Sprintf("systemfd_%s_%s_%s", version, system, machine.archive)
		names = append(names, name+".cdx.json", name+archiveOf(system))
		if machine.deb != "" {
			names = append(
				names, "systemfd_"+version+"_"+machine.deb+".deb", "systemfd-"+version+"-1."+machine.rpm+".rpm",
				"systemfd_"+version+"_"+machine.apk+".apk",
			)
		}
		if machine.arch != "" {
			names = append(names, "systemfd-"+version+"-1-"+machine.arch+".pkg.tar.zst")
		}
	}
	return names
}

// archiveOf is how the name of an archive for a system ends.
func archiveOf(system string) string {
	if system == "windows" {
		return ".zip"
	}
	return ".tar.gz"
}

// TestTargets: make lint vets each system that is released, and 32 bits.
func TestTargets(t *testing.T) {
	t.Parallel()
	lists := targetList.FindAllString(read(t, "../.goreleaser.yaml"), -1)
	targets := target.FindAllString(strings.Join(lists, " "), -1)
	vetted := find(t, `(?m)^VETTED := (.*)$`, read(t, "../Makefile"), "the Makefile vets nothing")
	if !strings.Contains(vetted, "/386") {
		t.Errorf("the Makefile vets no program of 32 bits: %s", vetted)
	}
	for _, target := range targets {
		if system, _, _ := strings.Cut(target, "_"); !strings.Contains(vetted, system+"/") {
			t.Errorf("the Makefile does not vet %s", target)
		}
	}
	for target := range machines {
		if !slices.Contains(targets, target) {
			t.Errorf("%s is not released", target)
		}
	}
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
	file = filepath.Join(source, ".goreleaser.yaml")
	write(t, file, targetList.ReplaceAllStringFunc(read(t, file), func(list string) string {
		if strings.Contains(list, "windows") {
			return "targets: [windows_amd64]"
		}
		return "targets: [linux_amd64]"
	}), 0o644)
	commit(t, source)
	if debs := glob(t, release(t, source, "--snapshot", nil), "*SNAPSHOT*.deb"); len(debs) != 1 {
		t.Errorf("there are the packages %q", debs)
	}
}

// checkAgain builds the same commit elsewhere, and signs this time.
func checkAgain(t *testing.T, source, sums string) {
	signer := newGPG(t)
	again := t.TempDir()
	run(t, source, "git", "clone", "-q", source, again)
	run(t, again, "git", "remote", "set-url", "origin", "https://github.com/systemfd/systemfd")
	dist := release(t, again, "--skip=publish", elsewhere(t), "GPG_FINGERPRINT="+signer.fingerprint(t), "GNUPGHOME="+signer.home)
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
	if len(archives) != len(machines)-1 { // Windows has another kind
		t.Errorf("there are %q", archives)
	}
	for _, archive := range archives {
		prefix := t.TempDir()
		run(t, prefix, "bsdtar", "-xf", archive)
		checkInstalled(t, source, prefix, map[string]string{
			"share/doc/systemfd/CHANGELOG.md":         "CHANGELOG.md",
			"share/doc/systemfd/LICENSE":              "LICENSE",
			"share/doc/systemfd/README.md":            "README.md",
			"share/doc/systemfd/copyright":            "packaging/copyright",
			"share/doc/systemfd/THIRD_PARTY_LICENSES": "packaging/THIRD_PARTY_LICENSES",
			"share/pwsh/completions/systemfd.ps1":     "completions/systemfd.ps1",
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
	if len(packages) != 8 {
		t.Errorf("there are %q", packages)
	}
	for _, name := range packages {
		root := t.TempDir()
		run(t, root, "bsdtar", "-xf", name, "--exclude", ".PKGINFO", "--exclude", ".MTREE")
		checkInstalled(t, source, filepath.Join(root, "usr"), map[string]string{
			"share/doc/systemfd/CHANGELOG.md":              "CHANGELOG.md",
			"share/licenses/systemfd/LICENSE":              "LICENSE",
			"share/licenses/systemfd/THIRD_PARTY_LICENSES": "packaging/THIRD_PARTY_LICENSES",
		})
		if entries := glob(t, root, "*"); len(entries) != 1 {
			t.Errorf("%s has more than usr: %q", name, entries)
		}
		if !strings.HasSuffix(name, ".rpm") {
			checkPKGINFO(t, name)
		}
	}
}

// checkPKGINFO looks at what apk and pacman show of a package: each value is one line.
func checkPKGINFO(t *testing.T, name string) {
	t.Helper()
	info := run(t, ".", "bsdtar", "-xOf", name, ".PKGINFO")
	lines := []string{"pkgver = " + version, "pkgdesc = Opens sockets and hands them to a program by the systemd socket-activation protocol"}
	if strings.HasSuffix(name, ".zst") {
		lines = append(lines, "packager = The systemfd authors <systemfd@users.noreply.github.com>")
	}
	for _, line := range lines {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(line) + `(-|$)`).MatchString(info) {
			t.Errorf("%s does not say %q:\n%s", name, line, info)
		}
	}
	if odd := regexp.MustCompile(`(?m)^(\w+ = .*|#.*)\n`).ReplaceAllString(info, ""); odd != "" {
		t.Errorf("%s has lines without a name: %q", name, odd)
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
		if host := run(t, dist, "rpm", "-qp", "--queryformat", "%{BUILDHOST}", name); host != "localhost" {
			t.Errorf("rpm knows that it was built on %q", host)
		}
	}
}

// bill is of the form of CycloneDX.
type bill struct {
	Format   string `json:"bomFormat"`
	Metadata struct {
		Component  struct{ Name, Version string }
		Properties []struct{ Name, Value string }
	}
	Components []struct{ Name, Version string }
}

// checkMaterials compares each bill with the program that it is of, and with go.mod, and the licenses with the bills.
func checkMaterials(t *testing.T, source, dist string) {
	modules := read(t, filepath.Join(source, "go.mod"))
	licenses := read(t, "THIRD_PARTY_LICENSES")
	copyright := read(t, "copyright")
	for _, name := range glob(t, dist, "*.cdx.json") {
		var is bill
		if err := json.Unmarshal([]byte(read(t, name)), &is); err != nil {
			t.Fatal(err)
		}
		if is.Format != "CycloneDX" || is.Metadata.Component.Name != module || is.Metadata.Component.Version != "v"+version {
			t.Errorf("%s is of %+v", name, is.Metadata.Component)
		}
		program := programFor(t, strings.TrimSuffix(name, ".cdx.json"))
		if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(program))); !strings.Contains(fmt.Sprint(is.Metadata.Properties), "SHA-256 "+sum) {
			t.Errorf("%s is not of the program, which has %s", name, sum)
		}
		if len(is.Components) != 4 {
			t.Errorf("%s has %+v", name, is.Components)
		}
		for _, component := range is.Components {
			if component.Name == "std" {
				continue
			}
			if !strings.Contains(modules, component.Name+" "+component.Version) {
				t.Errorf("%s has %v, go.mod has not", name, component)
			}
			if !strings.Contains(licenses, " "+component.Name+" ") || !strings.Contains(copyright, "vendor/"+component.Name+"/*") {
				t.Errorf("the licenses do not have %s, which is in the program", component.Name)
			}
		}
	}
}

// checkFormula looks for the commit that the formula names, and installs it.
func checkFormula(t *testing.T, source string) {
	formula := filepath.Join(source, "packaging/generated/systemfd.rb")
	head := strings.TrimSpace(run(t, source, "git", "rev-parse", "HEAD"))
	want := `tag:      "v` + version + `",` + "\n" + `      revision: "` + head + `"`
	if text := read(t, formula); !strings.Contains(text, want) {
		t.Errorf("the formula does not have %s:\n%s", want, text)
	}
	run(t, ".", "rubocop", "--config", "testdata/rubocop.yml", "--cache", "false", formula)
	if said := brew(t, formula, source); !strings.HasPrefix(said, version+": ") {
		t.Errorf("the harness says %q", said)
	}
}

// checkSource looks into the archive of the sources.
func checkSource(t *testing.T, source string) {
	archive := filepath.Join(source, "packaging/generated/systemfd-"+version+".tar.gz")
	if names := run(t, ".", "bsdtar", "-tf", archive); !strings.Contains(names, "systemfd-"+version+"/go.mod\n") {
		t.Errorf("the archive has %s", names)
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

// TestReleaseWorkflow: what it runs is named by commit, only single steps see secrets, and tests come first.
func TestReleaseWorkflow(t *testing.T) {
	t.Parallel()
	workflow := read(t, "../.github/workflows/release.yml")
	for line := range strings.Lines(workflow) {
		uses, secret := strings.Contains(line, "uses: ") && !strings.Contains(line, "uses: ./"), strings.Contains(line, "secrets.")
		if uses && !regexp.MustCompile(`@[0-9a-f]{40} # v\d+\.\d+\.\d+$`).MatchString(strings.TrimSpace(line)) {
			t.Errorf("%s is not named by commit", strings.TrimSpace(line))
		}
		if secret && !strings.HasPrefix(line, "          ") {
			t.Errorf("%s is for more than a step", strings.TrimSpace(line))
		}
	}
	if !strings.Contains(workflow, "\n    needs: test\n") {
		t.Error("a release does not wait for the tests")
	}
}

// TestReleaseVersion: if the changelog does not begin with the tag and a day, nothing is released.
func TestReleaseVersion(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "sed", "gzip")
	source := clone(t)
	for heading, tag := range map[string]string{version + " (2026-01-02)": "9.9.9", version: version, "Unreleased": version} {
		file := filepath.Join(source, "CHANGELOG.md")
		write(t, file, regexp.MustCompile(`(?m)^## .*`).ReplaceAllString(read(t, file), "## "+heading), 0o644)
		said := fails(t, command(source, "packaging/prepare.sh", tag))
		if !strings.Contains(said, `CHANGELOG.md begins with "`+heading+`", for this tag it has to be "`+tag+` (`) {
			t.Errorf("%s: it fails with %q", heading, said)
		}
	}
}
