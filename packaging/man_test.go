package packaging

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/cli"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// manSection returns what is below a heading of the manual page, .Sh or .Ss, until the next of that kind.
func manSection(t *testing.T, kind, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut("\n"+read(t, "systemfd.1"), "\n."+kind+" "+heading+"\n")
	if !ok {
		t.Fatalf("the manual page has no section %q", heading)
	}
	if end := regexp.MustCompile(`(?m)^\.(Sh|` + kind + `) `).FindStringIndex(text); end != nil {
		text = text[:end[0]]
	}
	return text
}

// manHas fails the test if a list in a section lacks an item.
func manHas(t *testing.T, section, item string) {
	t.Helper()
	if !regexp.MustCompile(`(?m)^\.It (.* )?` + regexp.QuoteMeta(item) + `( .*)?$`).MatchString(section) {
		t.Errorf("the manual page has no item %q where it belongs", item)
	}
}

// TestManGrammar compares the manual page with the flags, subcommands and types.
func TestManGrammar(t *testing.T) {
	t.Parallel()
	for _, form := range cli.Forms() {
		manHasForm(t, form)
	}
	for _, typ := range spec.Types() {
		manHas(t, manSection(t, "Sh", "DESCRIPTION"), "Cm "+string(typ))
	}
}

// manHasForm fails the test if a subcommand, or the main form, or one of its flags is not in its section.
func manHasForm(t *testing.T, form cli.Form) {
	t.Helper()
	section := manSection(t, "Sh", "OPTIONS")
	if form.Name != "" {
		ofAll, _, _ := strings.Cut(manSection(t, "Sh", "SUBCOMMANDS"), ".Ss")
		section = ofAll + manSection(t, "Ss", "systemfd "+form.Name)
		if !strings.Contains(manSection(t, "Sh", "SYNOPSIS"), "\n.Cm "+form.Name+"\n") {
			t.Errorf("the synopsis lacks %s", form.Name)
		}
	}
	for _, flag := range form.Model.Flags {
		if flag.Hidden {
			continue
		}
		manHas(t, section, "Fl -"+flag.Name)
		if flag.Short != 0 {
			manHas(t, section, "Fl "+string(flag.Short))
		}
		if flag.Tag.Negatable != "" {
			manHas(t, section, "Fl -no-"+flag.Name)
		}
	}
}

// TestManExitStatus compares the manual page with the constants of the program.
func TestManExitStatus(t *testing.T) {
	t.Parallel()
	statuses := regexp.MustCompile(`(?m)^\texit\w+ += (\d+)$`).FindAllStringSubmatch(read(t, "../internal/cli/exit.go"), -1)
	if len(statuses) < 5 {
		t.Fatalf("found %q", statuses)
	}
	for _, status := range statuses {
		manHas(t, manSection(t, "Sh", "EXIT STATUS"), status[1])
	}
}

// TestManEnvironment compares the manual page with the names of variables in the sources.
func TestManEnvironment(t *testing.T) {
	t.Parallel()
	section := manSection(t, "Sh", "ENVIRONMENT")
	items := strings.ReplaceAll(strings.Join(regexp.MustCompile(`(?m)^\.It Ev .*`).FindAllString(section, -1), " "), ",", "")
	variables := variablesIn(t, "../internal")
	if len(variables) < 15 {
		t.Fatalf("found %v", variables)
	}
	for name := range variables {
		if !strings.Contains(items+" ", " "+name+" ") {
			t.Errorf("the manual page does not tell of %s", name)
		}
	}
}

// variablesIn returns the string literals in Go files below dir that are names of environment variables.
func variablesIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "testkit" { // it is not part of the program
			return fs.SkipDir
		}
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err == nil {
			ast.Inspect(file, func(node ast.Node) bool {
				collectVariable(node, names)
				return true
			})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

var variable = regexp.MustCompile(`^([A-Z]+_[A-Z_]+|[A-Z]*FLAGS|PATH|TERM)=?$`)

// collectVariable adds node to names if it is a string literal that is one.
func collectVariable(node ast.Node, names map[string]bool) {
	if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
		if text, err := strconv.Unquote(literal.Value); err == nil && variable.MatchString(text) {
			names[strings.TrimSuffix(text, "=")] = true
		}
	}
}

// TestManJSON compares the manual page with the keys of JSON in the sources of the program.
func TestManJSON(t *testing.T) {
	t.Parallel()
	section := manSection(t, "Sh", "JSON")
	items := strings.ReplaceAll(strings.Join(regexp.MustCompile(`(?m)^\.It Cm .*`).FindAllString(section, -1), " "), ",", "")
	keys := jsonKeys(t, "../internal/cli")
	if len(keys) < 15 {
		t.Fatalf("found %v", keys)
	}
	for key := range keys {
		if !strings.Contains(items+" ", " "+key+" ") {
			t.Errorf("the manual page does not tell of the key %s", key)
		}
	}
}

// jsonKeys returns the keys of what the package in dir makes JSON of: the tags of structs, and maps of any.
func jsonKeys(t *testing.T, dir string) map[string]bool {
	t.Helper()
	keys := map[string]bool{}
	paths, err := filepath.Glob(dir + "/*.go")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s has %q: %v", dir, paths, err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			collectKeys(node, keys)
			return true
		})
	}
	return keys
}

// collectKeys adds the keys of node.
func collectKeys(node ast.Node, keys map[string]bool) {
	switch node := node.(type) {
	case *ast.Field:
		if node.Tag == nil {
			return
		}
		tag, _ := strconv.Unquote(node.Tag.Value)
		if key, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ","); key != "" && key != "-" {
			keys[key] = true
		}
	case *ast.CompositeLit:
		m, ok := node.Type.(*ast.MapType)
		if !ok || fmt.Sprint(m.Value) != "any" {
			return
		}
		for _, element := range node.Elts {
			if literal, ok := element.(*ast.KeyValueExpr).Key.(*ast.BasicLit); ok {
				key, _ := strconv.Unquote(literal.Value)
				keys[key] = true
			}
		}
	}
}

// TestManReaders: the programs that read manual pages accept this one.
func TestManReaders(t *testing.T) {
	t.Parallel()
	for _, reader := range []struct {
		argv []string
		want string
	}{
		{[]string{"groff", "-mdoc", "-ww", "-Tutf8", "-z", "systemfd.1"}, ""},
		{
			[]string{"lexgrog", "systemfd.1"},
			`systemfd.1: "systemfd - open sockets and hand them to a program by the systemd socket-activation protocol"` + "\n",
		},
	} {
		t.Run(reader.argv[0], func(t *testing.T) {
			t.Parallel()
			testkit.Need(t, reader.argv[0])
			out, err := exec.Command(reader.argv[0], reader.argv[1:]...).CombinedOutput()
			if err != nil || string(out) != reader.want {
				t.Errorf("%v: it says %q", err, out)
			}
		})
	}
}
