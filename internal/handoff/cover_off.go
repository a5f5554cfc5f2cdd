//go:build !systemfd_cover

package handoff

// WriteCounters does nothing, except with make cover.
func WriteCounters() {}
