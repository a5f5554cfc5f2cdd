//go:build !unix

package socket

// made is nothing: no folder is made for a port.
type made struct{}
