package process

import (
	"os"
	"syscall"
	"testing"
)

var containerTests = []struct {
	want  string
	words []string
}{
	{"1 <nil>", []string{"run", "owner"}},
	{"1 <nil>", []string{"run", "leave", "owner"}},
	{refusal, []string{"owner"}},
}

// A container's first process has the parent 0, and may be the shell itself.
func TestDefaultOwnerInContainer(t *testing.T) {
	t.Parallel()
	flags := uintptr(syscall.CLONE_NEWPID)
	if os.Geteuid() != 0 {
		flags |= syscall.CLONE_NEWUSER
	}
	for _, test := range containerTests {
		for _, leads := range []bool{true, false} {
			cmd := helper(&syscall.SysProcAttr{Setsid: leads, Cloneflags: flags}, test.words...)
			got, err := cmd.Output()
			if cmd.Process == nil {
				t.Skip("no pid namespaces for us: ", err)
			}
			if err != nil || string(got) != test.want+"\n" {
				t.Errorf("%q, leads its session %v: got %q, %v; want %q", test.words, leads, got, err, test.want)
			}
		}
	}
}
