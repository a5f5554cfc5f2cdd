//go:build unix

package main

import (
	"testing"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// TestInspectPIDFDID: a reader that checks LISTEN_PIDFDID accepts its own, and refuses that of another process.
func TestInspectPIDFDID(t *testing.T) {
	t.Parallel()
	testkit.LinuxOnly(t, "pidfds")
	testkit.Need(t, "python3")
	const becomes = `import os, sys
os.environ["LISTEN_PIDFDID"] = str(os.fstat(os.pidfd_open(os.getpid())).st_ino + int(sys.argv[1]))
os.execvp("systemfd", ["systemfd", "inspect"])`
	if got := testkit.HandOff(t, nil, "-q", "-s", "0", "--", "python3", "-c", becomes, "0"); got.Status != 0 || got.Err != "" {
		t.Errorf("its own: exit %d, %s", got.Status, got.Err)
	}
	if process.PIDFDID() == "" {
		t.Skip("pidfds have no numbers before Linux 6.9")
	}
	got := testkit.HandOff(t, nil, "-q", "-s", "0", "--", "python3", "-c", becomes, "1")
	if got.Status != 1 {
		t.Errorf("another's: exit %d", got.Status)
	}
	testkit.Says(t, got.Err, `error: a strict reader would refuse: LISTEN_PIDFDID is \d+, which is another process`)
}
