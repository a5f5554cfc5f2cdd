//go:build linux

package packaging

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// programFor returns the program of an archive whose name is given without its ending.
func programFor(t *testing.T, archive string) string {
	t.Helper()
	if testkit.Exists(archive + ".zip") {
		return run(t, ".", "bsdtar", "-xOf", archive+".zip", "systemfd.exe")
	}
	return run(t, ".", "bsdtar", "-xOf", archive+".tar.gz", "bin/systemfd")
}

// checkZip unpacks what Windows gets.
func checkZip(t *testing.T, source, dist string) {
	want := map[string]string{
		"CHANGELOG.md":             "CHANGELOG.md",
		"LICENSE":                  "LICENSE",
		"README.md":                "README.md",
		"THIRD_PARTY_LICENSES":     "packaging/THIRD_PARTY_LICENSES",
		"completions/systemfd.ps1": "completions/systemfd.ps1",
	}
	dir := t.TempDir()
	run(t, dir, "bsdtar", "-xf", filepath.Join(dist, "systemfd_"+version+"_windows_amd64.zip"))
	names := filesBelow(t, dir) // in order
	if all := append(slices.Sorted(maps.Keys(want)), "systemfd.exe"); !slices.Equal(names, all) {
		t.Errorf("it has %q, want %q", names, all)
	}
	for name, file := range want {
		if read(t, filepath.Join(dir, name)) != read(t, filepath.Join(source, file)) {
			t.Errorf("%s is not %s", name, file)
		}
	}
}

// checkDownload looks for the file of the release that a manifest names with its checksum, and for the program in it.
func checkDownload(t *testing.T, dist, url, sum, program string) {
	t.Helper()
	name, ours := strings.CutPrefix(url, "https://github.com/systemfd/systemfd/releases/download/v"+version+"/")
	if !ours || name != "systemfd_"+version+"_windows_amd64.zip" {
		t.Fatalf("it is at %q", url)
	}
	archive := filepath.Join(dist, name)
	if is := fmt.Sprintf("%x", sha256.Sum256([]byte(read(t, archive)))); sum != is {
		t.Errorf("%s has the checksum %s, not %q", name, is, sum)
	}
	if !strings.HasPrefix(run(t, ".", "bsdtar", "-xOf", archive, program), "MZ") {
		t.Errorf("%s does not have the program %q", name, program)
	}
}

func checkScoop(t *testing.T, dist string) {
	var manifest struct {
		Version, License, Homepage, Description string
		Architecture                            map[string]struct {
			URL, Hash string
			Bin       []string
		}
	}
	if err := json.Unmarshal([]byte(read(t, filepath.Join(dist, "scoop/systemfd.json"))), &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.Version != version || manifest.License != "Apache-2.0" || manifest.Homepage == "" || manifest.Description == "" {
		t.Errorf("it is %+v", manifest)
	}
	amd64 := manifest.Architecture["64bit"]
	checkDownload(t, dist, amd64.URL, amd64.Hash, strings.Join(amd64.Bin, " "))
}

// manifest is what the three of winget have.
type manifest struct {
	PackageIdentifier, PackageVersion, InstallerType, License, ShortDescription string
	Installers                                                                  []struct {
		Architecture, NestedInstallerType, InstallerUrl, InstallerSha256 string
		NestedInstallerFiles                                             []struct{ RelativeFilePath, PortableCommandAlias string }
	}
}

func checkWinget(t *testing.T, dist string) {
	var is manifest
	for _, kind := range []string{"", ".installer", ".locale.en-US"} {
		file := filepath.Join(dist, "winget/manifests/s/systemfd/systemfd", version, "systemfd.systemfd"+kind+".yaml")
		readYAML(t, file, &is)
		if is.PackageIdentifier != "systemfd.systemfd" || is.PackageVersion != version {
			t.Errorf("%s is of %+v", file, is)
		}
	}
	if is.InstallerType != "zip" || is.License != "Apache-2.0" || is.ShortDescription == "" || len(is.Installers) != 1 {
		t.Fatalf("it is %+v", is)
	}
	amd64 := is.Installers[0]
	program := amd64.NestedInstallerFiles[0]
	if amd64.Architecture != "x64" || amd64.NestedInstallerType != "portable" || program.PortableCommandAlias != "systemfd" {
		t.Errorf("it installs %+v", amd64)
	}
	checkDownload(t, dist, amd64.InstallerUrl, amd64.InstallerSha256, program.RelativeFilePath)
}
