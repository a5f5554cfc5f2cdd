//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux, which has mount namespaces.

// TestRepairElsewhere gives a unix socket to a systemfd that sees other directories than the one that has opened it. The path
// is not there, but clients find it, so nothing must be repaired.
func TestRepairElsewhere(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "unshare", "mount", "chroot")
	unshare := []string{"unshare", "--map-root-user", "--mount"}
	if out, err := exec.Command(unshare[0], append(unshare[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("no mount namespace here: %v: %s", err, out)
	}
	program, err := os.ReadFile(filepath.Join(bin, "systemfd"))
	if err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"mount":            `mount -t tmpfs none sub && cd sub && systemfd -- systemfd inspect && test ! -e app`,
		"chroot":           `exec chroot jail /systemfd -- /systemfd inspect`,
		"chroot with proc": `mount --rbind /proc jail/proc && exec chroot jail /systemfd -- /systemfd inspect`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			p.Folder("sub")
			jail := p.Folder("jail")
			jail.Folder("proc")
			writeProgram(t, jail.Path("systemfd"), string(program))
			got := p.Run(append([]string{"-q", "-s", "./sub/app", "--"}, append(unshare, "sh", "-c", script)...)...)
			if got.Status != 0 || got.Err != "" {
				t.Errorf("status %d, %s", got.Status, got.Err)
			}
			testkit.Says(t, got.Out, `3 +unix +`+p.Path("sub/app")+` \(unix listener\) .*`)
		})
	}
}
