//go:build unix

package infofile

import (
	"bufio"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestInfoFifo: a file that is not regular is written to. It is not replaced, and not removed.
func TestInfoFifo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	undo := write(t, path, "text\n")
	if line, err := bufio.NewReader(reader).ReadString('\n'); err != nil || line != "text\n" {
		t.Errorf("it passes %q, %v", line, err)
	}
	undo()
	if stat, err := os.Lstat(path); err != nil || stat.Mode().Type() != os.ModeNamedPipe {
		t.Errorf("it is now %v, %v", stat, err)
	}
}
