package child

import "syscall"

var dieWithUs = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
