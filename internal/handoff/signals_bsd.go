//go:build unix && !linux

package handoff

// dropHandlers does nothing: only Linux is known to lose a signal in execve(2).
func dropHandlers() {}
