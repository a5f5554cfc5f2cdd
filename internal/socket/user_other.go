//go:build unix && !linux && !freebsd

package socket

import (
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/spec"
)

func user(s spec.Spec) process.Process { return lsofUser(s) }

func sharers(fd int) []process.Process { return lsofSharers(fd) }
