//go:build linux

package packaging

import (
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestLicenses compares THIRD_PARTY_LICENSES with the modules, which change with go.mod; -update writes it.
func TestLicenses(t *testing.T) {
	t.Parallel()
	testkit.Need(t, "go", "sh")
	want := run(t, ".", "./licenses.sh")
	if *update {
		write(t, "THIRD_PARTY_LICENSES", want, 0o644)
	} else if read(t, "THIRD_PARTY_LICENSES") != want {
		t.Error("THIRD_PARTY_LICENSES is not what licenses.sh prints: go test ./packaging -run Licenses -update")
	}
}
