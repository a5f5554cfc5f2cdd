// Systemfd opens sockets and hands them to another program by the systemd socket-activation protocol.
//
// It lives for a millisecond: no need to look for a CPU limit, which would leave files open at descriptors 3 and 4, nor to
// look again for changes of it.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
package main

import (
	"os"

	"github.com/systemfd/systemfd/internal/cli"
)

// The release build stamps these; without, the build information says them.
var version, commit string

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Version{Number: version, Commit: commit}))
}
