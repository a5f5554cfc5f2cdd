//go:build systemfd_cover

package handoff

import (
	"os"
	"runtime/coverage"
)

// WriteCounters saves what make cover counts: exec, and a death by a signal, leave no other time to do so.
func WriteCounters() { coverage.WriteCountersDir(os.Getenv("GOCOVERDIR")) }
