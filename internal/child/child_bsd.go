//go:build unix && !linux

package child

import "syscall"

// dieWithUs is nil: this system cannot signal a process when its parent ends.
var dieWithUs *syscall.SysProcAttr
