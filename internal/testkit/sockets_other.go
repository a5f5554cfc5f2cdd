//go:build !linux || bsd

package testkit

// LinuxSockets tells that sockets are Linux's.
const LinuxSockets = false
