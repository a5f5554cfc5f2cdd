package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestOneOfEach walks the syntax tree of the module: what is to be done in one place is done there only.
func TestOneOfEach(t *testing.T) {
	t.Parallel()
	found := map[string]map[string]bool{"bind": {}, "LISTEN_": {}, "name": {}}
	note := func(what, where string) { found[what][where] = true }
	files := 0
	for path, file := range parseModule(t) {
		files++
		dir := filepath.ToSlash(filepath.Dir(path))
		for _, decl := range file.Decls {
			function := ""
			if f, ok := decl.(*ast.FuncDecl); ok {
				function = f.Name.Name
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if pkg, ok := n.X.(*ast.Ident); ok && (pkg.Name == "unix" || pkg.Name == "syscall" || pkg.Name == "windows") && n.Sel.Name == "Bind" {
						note("bind", dir+" "+function)
					}
				case *ast.BasicLit:
					text, err := strconv.Unquote(n.Value)
					if n.Kind != token.STRING || err != nil {
						return true
					}
					if strings.HasPrefix(text, "LISTEN_") {
						note("LISTEN_", dir)
					}
					if strings.Contains(text, "/comm") || strings.HasPrefix(text, "/proc/") && strings.HasSuffix(text, "/stat") || text == "kern.proc.pid" {
						note("name", dir+" "+function)
					}
				}
				return true
			})
		}
	}
	if files < 50 {
		t.Fatalf("only %d files were read", files)
	}
	for what, want := range map[string][]string{
		"bind":    {"internal/socket listen"},
		"LISTEN_": {"internal/listenfds"},
		"name":    {"internal/process look"},
	} {
		if got := slices.Sorted(maps.Keys(found[what])); !slices.Equal(got, want) {
			t.Errorf("%s stands in %q, want %q", what, got, want)
		}
	}
}

// parseModule returns the files of the program by their paths, without tests and their kit, examples and what is generated.
func parseModule(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		switch {
		case entry.IsDir() && path != root && (name == "testdata" || name == "testkit" || name == "examples" || name == "dist" || strings.HasPrefix(name, ".")):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		rel, relErr := filepath.Rel(root, path)
		if err == nil {
			err = relErr
		}
		files[rel] = file
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestArchitecture compares the table of ARCHITECTURE.md with the imports that go list tells.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	const module = "github.com/systemfd/systemfd/"
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		var ours []string
		for _, name := range fields[1:] {
			if name, ok := strings.CutPrefix(name, module); ok {
				ours = append(ours, strings.TrimPrefix(name, "internal/"))
			}
		}
		slices.Sort(ours)
		imports[strings.TrimPrefix(fields[0], module)] = strings.Join(ours, ", ")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| .* \\|(.*)\\|$").FindAllStringSubmatch(string(text), -1) {
		if _, again := rows[row[1]]; again {
			t.Errorf("ARCHITECTURE.md has %s twice", row[1])
		}
		rows[row[1]] = strings.TrimSpace(row[2])
	}
	for name, want := range imports {
		if strings.HasPrefix(name, "examples/") || strings.Contains(name, "testdata") {
			continue
		}
		if got, ok := rows[name]; !ok || got != want {
			t.Errorf("ARCHITECTURE.md has for %s %q, want %q", name, got, want)
		}
		delete(rows, name)
	}
	if len(rows) > 0 {
		t.Errorf("ARCHITECTURE.md has rows of no package: %q", slices.Sorted(maps.Keys(rows)))
	}
}
