//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// A reader of --info-file finds nothing, or all of it.
func TestInfoFileIsWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "info.json")
	done := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() { readInfo(t, path, done) })
	args := slices.Repeat([]string{"-s", "udp::0"}, 100)
	for i := range 40 {
		testkit.HandOff(t, nil, slices.Concat([]string{"-q", "--info-file", path}, args, []string{"--", "true"})...)
		if i%2 == 0 {
			os.Remove(path)
		}
	}
	close(done)
	reader.Wait()
	if text, err := os.ReadFile(path); err != nil || !json.Valid(text) {
		t.Errorf("at the end there is %q, %v", text, err)
	}
}

// readInfo reads an info file until done.
func readInfo(t *testing.T, path string, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || !json.Valid(text) {
			t.Errorf("a reader finds %q, %v", text, err)
			return
		}
	}
}
