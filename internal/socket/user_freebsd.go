package socket

import (
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/spec"
)

// user asks sockstat(1), which is part of FreeBSD.
func user(s spec.Spec) process.Process { return sockstatUser(s) }

// sharers asks lsof(8), if that is installed: sockstat does not say which sockets are the same.
func sharers(fd int) []process.Process { return lsofSharers(fd) }
