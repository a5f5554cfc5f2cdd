//go:build unix

package accept

import (
	"os"
	"path/filepath"
	"testing"
)

// TestBetween: these shells are good enough for an environment that a shell has made.
func TestBetween(t *testing.T) {
	t.Chdir(t.TempDir())
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	shell, _ := filepath.EvalSymlinks("/bin/sh")
	if name := filepath.Base(shell); name != "dash" && name != "bash" {
		t.Skipf("/bin/sh is %s", name)
	}
	s := &server{Service: Service{Argv: []string{"x"}}, environ: []string{"PATH=" + os.Getenv("PATH"), "PWD=" + dir, "SHLVL=1"}}
	if b, err := s.between(); b.file != "/bin/sh" || err != nil {
		t.Errorf("%v, %v is between", b, err)
	}
	s.Argv[0] = "-x"
	if b, err := s.between(); b.file == "/bin/sh" || err != nil {
		t.Errorf("%v, %v is between us and -x", b, err)
	}
}
