package cli

import (
	"fmt"
	"strings"

	"github.com/systemfd/systemfd/internal/shell"
	"github.com/systemfd/systemfd/internal/spec"
)

// checkDotenv refuses what an env file cannot express.
func (f *envFlags) checkDotenv() error {
	switch {
	case f.Shell != shell.Dotenv:
		return nil
	case f.Unset:
		return &usageError{"--unset is for shells: an env file cannot unset variables", "remove the file, and close the sockets: systemfd stop"}
	case !f.opens():
		return &usageError{"an env file cannot pass descriptors on", "keep sockets open: systemfd env -s http::3000 --shell dotenv >.env"}
	}
	return nil
}

// checkDotenvNames does so for the names of sockets, which may contain almost any character.
func (f *envFlags) checkDotenvNames(openings []spec.Opening) error {
	names := make([]string, len(openings))
	for i, o := range openings {
		names[i] = o.FDName()
	}
	if value := strings.Join(names, ":"); f.Shell == shell.Dotenv && !f.NoListen && !shell.DotenvHolds(value) {
		return &failure{fmt.Sprintf("the readers of env files would differ on the name %q", value), "--json has it, and --no-listen leaves it out"}
	}
	return nil
}
