//go:build unix && !linux

package holder

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/testkit"
)

// TestManySockets has 4,000 in one conversation.
func TestManySockets(t *testing.T) {
	needDescriptors(t, 9000)
	pid := manySockets(t, 4000)
	if err := unix.Kill(pid, unix.SIGTERM); err != nil {
		t.Error(err)
	}
	testkit.Await(t, "the holder to end", func() bool { return !process.IsAlive(pid) })
}
