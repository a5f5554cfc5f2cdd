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

const root = "../.."

// TestOneOfEach walks the syntax tree of the module: what is to be done in one place is done there only.
func TestOneOfEach(t *testing.T) {
	t.Parallel()
	found := map[string]map[string]bool{"bind": {}, "LISTEN_": {}, "name": {}, "GOOS": {}}
	for path, file := range parseModule(t) {
		dir := filepath.ToSlash(filepath.Dir(path))
		for _, decl := range file.Decls {
			function := ""
			if f, ok := decl.(*ast.FuncDecl); ok {
				function = f.Name.Name
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				switch what := whatIs(n); what {
				case "":
				case "LISTEN_":
					found[what][dir] = true
				default:
					found[what][dir+" "+function] = true
				}
				return true
			})
		}
	}
	for what, want := range map[string][]string{
		"bind":    {"internal/socket ", "internal/socket bindTo", "internal/socket fakeBind", "internal/socket listen", "internal/socket listenAgain"}, // the first is a table
		"LISTEN_": {"internal/listenfds"},
		"name":    {"internal/process look"},
		"GOOS":    nil, // files differ by system, not lines
	} {
		if got := slices.Sorted(maps.Keys(found[what])); !slices.Equal(got, want) {
			t.Errorf("%s stands in %q, want %q", what, got, want)
		}
	}
}

// isGOOS reports whether an expression is runtime.GOOS.
func isGOOS(e ast.Expr) bool {
	s, ok := e.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "GOOS"
}

// whatIs says which of the things that are to be in one place a node is: a bind(2), a name of the protocol, the name of a
// process, a branch by operating system.
func whatIs(n ast.Node) string {
	switch n := n.(type) {
	case *ast.SwitchStmt:
		if n.Tag != nil && isGOOS(n.Tag) {
			return "GOOS"
		}
	case *ast.BinaryExpr:
		if (n.Op == token.EQL || n.Op == token.NEQ) && (isGOOS(n.X) || isGOOS(n.Y)) {
			return "GOOS"
		}
	case *ast.SelectorExpr:
		if pkg, ok := n.X.(*ast.Ident); ok && slices.Contains([]string{"unix", "syscall", "windows"}, pkg.Name) && n.Sel.Name == "Bind" {
			return "bind"
		}
	case *ast.CallExpr:
		if call, ok := n.Fun.(*ast.SelectorExpr); ok && call.Sel.Name == "bind" {
			return "bind"
		}
	case *ast.BasicLit:
		text, err := strconv.Unquote(n.Value)
		switch {
		case n.Kind != token.STRING || err != nil:
		case strings.HasPrefix(text, "LISTEN_"):
			return "LISTEN_"
		case strings.Contains(text, "/comm"), strings.HasPrefix(text, "/proc/") && strings.HasSuffix(text, "/stat"), text == "kern.proc.pid":
			return "name"
		}
	}
	return ""
}

// systems is how a file of one operating system is called, or what its build constraint says.
var systems = regexp.MustCompile(`_(linux|darwin|windows|freebsd|openbsd|netbsd|dragonfly)\.go$|//go:build .*\b(unix|linux|darwin|windows|\w*bsd|dragonfly)\b`)

// TestBuildConstraints: operating systems differ in few directories.
func TestBuildConstraints(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for path, file := range parseModule(t) {
		text := path
		for _, group := range file.Comments {
			for _, comment := range group.List {
				text += "\n" + comment.Text
			}
		}
		if systems.MatchString(path) || systems.MatchString(text) {
			found[strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "internal/")] = true
		}
	}
	want := []string{"child", "handoff", "holder", "holder/daemon", "lowfds", "process", "share", "socket"}
	if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, want) {
		t.Errorf("operating systems differ in %q, want %q", got, want)
	}
}

// TestLinuxOnly: a file of tests that only Linux has says why. What else a system lacks is said where a test is skipped.
func TestLinuxOnly(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		isOnly := strings.HasPrefix(string(text), "//go:build linux\n") || strings.HasSuffix(file, "_linux_test.go")
		if says := strings.Contains(string(text), "\n// This file is only for Linux"); isOnly != says {
			t.Errorf("%s: only for Linux: %v, and it says so: %v", file, isOnly, says)
		}
	}
}

// parseModule returns the files of the program by their paths, without tests and their kit, examples and what is generated.
func parseModule(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (slices.Contains([]string{"testdata", "testkit", "examples", "dist"}, name) || name[0] == '.'):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err == nil {
			files[rel], err = parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		}
		return err
	})
	if err != nil || len(files) < 50 {
		t.Fatalf("%d files were read: %v", len(files), err)
	}
	return files
}

// TestArchitecture compares the table of ARCHITECTURE.md with the imports that go list tells.
func TestArchitecture(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root + "/ARCHITECTURE.md")
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
	for name, imports := range importsOf(t) {
		for i := range imports {
			imports[i] = strings.TrimPrefix(imports[i], "internal/")
		}
		slices.Sort(imports)
		want := strings.Join(imports, ", ")
		if got, ok := rows[name]; !ok || got != want {
			t.Errorf("ARCHITECTURE.md has for %s %q, want %q", name, got, want)
		}
		delete(rows, name)
	}
	if len(rows) > 0 {
		t.Errorf("ARCHITECTURE.md has rows of no package: %q", slices.Sorted(maps.Keys(rows)))
	}
}

// TestNoCircle looks at whole directories: Go itself only refuses circles of packages.
func TestNoCircle(t *testing.T) {
	t.Parallel()
	folder := regexp.MustCompile(`^(internal/)?[^/]+`)
	left := map[string]map[string]bool{}
	for name, imports := range importsOf(t) {
		from := folder.FindString(name)
		if left[from] == nil {
			left[from] = map[string]bool{}
		}
		for _, to := range imports {
			if to = folder.FindString(to); to != from {
				left[from][to] = true
			}
		}
	}
	for before := 0; len(left) != before; { // take away what imports nothing that is left
		before = len(left)
		maps.DeleteFunc(left, func(_ string, imports map[string]bool) bool {
			maps.DeleteFunc(imports, func(to string, _ bool) bool { return left[to] == nil })
			return len(imports) == 0
		})
	}
	if len(left) > 0 {
		t.Errorf("these import each other: %v", left)
	}
}

// importsOf returns what each package of the module imports of the module.
func importsOf(t *testing.T) map[string][]string {
	t.Helper()
	const module = "github.com/systemfd/systemfd/"
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(strings.ReplaceAll(line, module, "./"))
		name := strings.TrimPrefix(fields[0], "./")
		if strings.HasPrefix(name, "examples/") || strings.Contains(name, "testdata") {
			continue
		}
		imports[name] = nil
		for _, other := range fields[1:] {
			if other, ours := strings.CutPrefix(other, "./"); ours {
				imports[name] = append(imports[name], other)
			}
		}
	}
	return imports
}
