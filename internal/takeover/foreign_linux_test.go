package takeover

import (
	"os"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// This file is only for Linux: it has threads of another user.

// TestForeignHolder: below su the holder is another user's, and the inherited sockets do without it.
func TestForeignHolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	tcp, control := bind(t, "http::0"), testkit.Directory(t)+"/systemfd"
	if err := os.Mkdir(control, 0o700); err != nil {
		t.Fatal(err)
	}
	set := parseSet(t, pass(t, tcp.FD), 1, describe(tcp), "SYSTEMFD_HOLDER="+control+"/x.sock")
	var p Plan
	err := testkit.As(65534, func() error { return p.take(set) })
	if err != nil || p.holder != nil || len(p.inherited) != 1 || !p.described {
		t.Errorf("got %+v, %v", p, err)
	}
}
