//go:build !bsd

package testkit

// LinuxSockets tells that sockets are Linux's: on another system, and with the tag bsd, they tell less of themselves.
const LinuxSockets = true
