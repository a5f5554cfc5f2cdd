// Systemfd opens sockets and hands them to another program by the systemd socket-activation protocol.
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
