//go:build unix && !linux

package socket

import (
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/spec"
)

// user is not known: only Linux tells without a library.
func user(spec.Spec) (p process.Process) { return p }

// sharers are not known either.
func sharers(int) []process.Process { return nil }
