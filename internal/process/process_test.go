package process

import (
	"os"
	"testing"
)

func TestString(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]Process{"bash (pid 12)": {12, "bash"}, "pid 12": {PID: 12}} {
		if got := p.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	err := &Error{"text", "remedy"}
	if err.Error() != "text" || err.Hint() != "remedy" {
		t.Errorf("got %q, %q", err.Error(), err.Hint())
	}
}

func TestIsAlive(t *testing.T) {
	t.Parallel()
	self, parent := os.Getpid(), os.Getppid()
	for pid, want := range map[int]bool{self: true, parent: true, Init: true, 0: false, -1: false, -self: false} {
		if got := IsAlive(pid); got != want {
			t.Errorf("process %d: got %v, want %v", pid, got, want)
		}
	}
}
