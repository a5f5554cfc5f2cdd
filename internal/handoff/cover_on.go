//go:build systemfd_cover

package handoff

import (
	"os"
	"runtime/coverage"
)

// WriteCounters saves the counters of make cover. Call it before exec, and before a death by a signal.
func WriteCounters() { coverage.WriteCountersDir(os.Getenv("GOCOVERDIR")) }
