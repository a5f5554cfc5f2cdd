//go:build unix && !linux

package child

import "syscall"

// dieWithUs is nothing: this system does not tell a process of the end of its parent.
var dieWithUs *syscall.SysProcAttr
