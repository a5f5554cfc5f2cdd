package cli

import (
	"fmt"
	"os"

	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/shell"
)

// eaten is added to the hint that a "--" is missing. Below a launcher that does not keep the process ID, the launcher may have taken
// the "--" for itself. It would do so again.
func eaten(args []string, argument string) string {
	sockets, pid := os.Getenv(listenfds.Sockets), os.Getenv(listenfds.PID)
	if sockets == "" || pid != "" || args[0] != argument {
		return ""
	}
	return fmt.Sprintf("; if a launcher has taken it: sh -c %s", shell.Quote("exec systemfd -- "+shell.Join(args)))
}
