//go:build !unix && !windows

package daemon

// Main fails: there is no holder here.
func Main([]string) int { return 1 }
