package file

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if text, err := Read(path); text != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there has %q, %v", text, err)
	}
	for _, text := range [][]byte{{}, []byte("a\x00\xff\n"), bytes.Repeat([]byte("text "), 10_000)} {
		if err := Create(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d bytes are written, %d are read, %v", len(text), len(got), err)
		}
		if err := Create(path, nil, 0o600); !errors.Is(err, fs.ErrExist) {
			t.Errorf("what is there is made again: %v", err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := Write(path, []byte("text")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there is written to: %v", err)
	}
	if err := errors.Join(Create(path, []byte("longer"), 0o600), Write(path, []byte("new"))); err != nil {
		t.Error(err)
	}
	if got, err := Read(path); err != nil || string(got) != "newger" {
		t.Errorf("it has %q, %v", got, err)
	}
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Read(dir); err == nil {
		t.Error("a directory is read")
	}
	if err := Create(filepath.Join(dir, "no", "file"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a directory that is not there: %v", err)
	}
}
