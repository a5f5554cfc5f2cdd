package infofile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

func TestInfoOnStdout(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	undo, err := Write(&b, "-", []byte("text\n"))
	if err != nil || b.String() != "text\n" {
		t.Fatalf("%q, %v", b.String(), err)
	}
	undo()
}

func TestInfoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "info.json")
	write(t, path, "old, and longer\n")
	undo := write(t, path, "new\n")
	if got := read(t, path); got != "new\n" {
		t.Errorf("it has %q", got)
	}
	if names := list(t, dir); names != "info.json" {
		t.Errorf("the directory has %s", names)
	}
	undo()
	if names := list(t, dir); names != "" {
		t.Errorf("undone, the directory has %s", names)
	}
}

// TestInfoFileIsOpen: who has the old one open goes on reading it.
func TestInfoFileIsOpen(t *testing.T) {
	t.Parallel()
	testkit.NotWindows(t, "files that can be replaced while they are open")
	path := filepath.Join(t.TempDir(), "info.json")
	write(t, path, "old, and longer\n")
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	write(t, path, "new\n")
	old := make([]byte, 64)
	if n, err := reader.Read(old); err != nil || string(old[:n]) != "old, and longer\n" {
		t.Errorf("the old one has %q, %v", old[:n], err)
	}
}

// TestInfoLink: a symbolic link stays one, also when the file that it leads to is taken back.
func TestInfoLink(t *testing.T) {
	t.Parallel()
	testkit.NotWindows(t, "symbolic links that anybody may make")
	dir := t.TempDir()
	path, target := filepath.Join(dir, "link"), filepath.Join(dir, "target")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target", path); err != nil {
		t.Skipf("no symbolic links: %v", err)
	}
	undo := write(t, path, "text\n")
	if got := read(t, target); got != "text\n" {
		t.Errorf("the target has %q", got)
	}
	undo()
	if names := list(t, dir); names != "link" {
		t.Errorf("undone, the directory has %s", names)
	}
}

func TestInfoFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "no", "info.json")
	undo, err := Write(nil, path, []byte("text\n"))
	if undo != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a directory that does not exist: %v", err)
	}
	if text := err.Error(); !strings.HasPrefix(text, `cannot write --info-file "`) || strings.Count(text, "info.json") != 1 {
		t.Error(text)
	}
	if _, err = Write(nil, dir, []byte("text\n")); err == nil {
		t.Errorf("a directory: %v", err)
	}
	if _, err = Write(failing{}, "-", []byte("text\n")); !errors.Is(err, errBroken) {
		t.Errorf("a broken standard output: %v", err)
	}
	if names := list(t, dir); names != "" {
		t.Errorf("the directory has %s", names)
	}
}

var errBroken = errors.New("broken")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errBroken }

// write is Write without an error.
func write(t *testing.T, path, text string) (undo func()) {
	t.Helper()
	undo, err := Write(nil, path, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return undo
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// list returns the names in a directory.
func list(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return strings.Join(names, " ")
}
