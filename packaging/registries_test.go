//go:build linux

package packaging

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/systemfd/systemfd/internal/testkit"
)

// aqua is the part of the entry for aqua that names files.
type aqua struct {
	Asset, Format string
	Files         []struct{ Name, Src string }
	Checksum      struct{ Asset string }
	Attestations  struct {
		Workflow string `json:"signer_workflow"`
	} `json:"github_artifact_attestations"`
	Systems []string `json:"supported_envs"`
}

// checkRegistries looks whether the release has what the entries for aqua and mise name.
func checkRegistries(t *testing.T, dist string) {
	testkit.Need(t, "ruby", "python3")
	var registry struct {
		Packages []struct {
			Versions []aqua `json:"version_overrides"`
		}
	}
	readYAML(t, "registries/aqua.yaml", &registry)
	entry := registry.Packages[0].Versions[0]
	if !testkit.Exists(filepath.Join(dist, entry.Checksum.Asset)) {
		t.Errorf("the release does not have %s", entry.Checksum.Asset)
	}
	if workflow, ours := strings.CutPrefix(entry.Attestations.Workflow, "systemfd/systemfd/"); !ours || !testkit.Exists(filepath.Join("..", workflow)) {
		t.Errorf("there is no workflow %s", entry.Attestations.Workflow)
	}
	for _, system := range []struct{ OS, Arch string }{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "arm64"}} {
		archive := filepath.Join(dist, entry.asset(t, system.OS, system.Arch))
		if names := run(t, ".", "bsdtar", "-tf", archive); !strings.Contains("\n"+names, "\n"+entry.Files[0].Src+"\n") {
			t.Errorf("%s does not have %s", archive, entry.Files[0].Src)
		}
	}
	checkMise(t)
}

// readYAML reads a file into what package json would read it into.
func readYAML(t *testing.T, file string, value any) {
	t.Helper()
	const toJSON = `puts YAML.load_file(ARGV[0], permitted_classes: [Date]).to_json`
	if err := json.Unmarshal([]byte(run(t, ".", "ruby", "-ryaml", "-rjson", "-rdate", "-e", toJSON, file)), value); err != nil {
		t.Fatal(err)
	}
}

// asset is the name of the archive for a system, as aqua makes it.
func (a aqua) asset(t *testing.T, system, arch string) string {
	t.Helper()
	functions := template.FuncMap{"trimV": func(version string) string { return strings.TrimPrefix(version, "v") }}
	var name strings.Builder
	err := template.Must(template.New("").Funcs(functions).Parse(a.Asset)).Execute(
		&name, map[string]string{"Version": "v" + version, "OS": system, "Arch": arch, "Format": a.Format},
	)
	if err != nil {
		t.Fatal(err)
	}
	return name.String()
}

// checkMise looks whether the program says what the entry for mise expects of it.
func checkMise(t *testing.T) {
	t.Helper()
	const test = `import tomllib, sys; test = tomllib.load(open(sys.argv[1], "rb"))["test"]; print(test["cmd"], test["expected"], sep="\n")`
	command, expected, _ := strings.Cut(run(t, ".", "python3", "-c", test, "registries/mise.toml"), "\n")
	if command != "systemfd --version" || expected != "systemfd {{version}}\n" { // checkVersion has the program say that
		t.Errorf("mise runs %q and expects %q", command, expected)
	}
}
