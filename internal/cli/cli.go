// Package cli is the command line: the only place that knows flags, prints, and chooses exit statuses.
package cli

import (
	"os"
	"slices"

	"github.com/systemfd/systemfd/internal/holder/daemon"
)

// Main runs systemfd with the arguments behind its name and returns the exit status. If the command
// runs, this process has become it, and Main does not return.
func Main(args []string, version Version) int {
	growStack(len(args))
	p := newPrinter(os.Stdout, os.Stderr)
	if len(args) == 0 {
		p.help(p.err)
		return exitUsage
	}
	if args[0] == daemon.Command {
		return daemon.Main(args[1:])
	}
	args = withoutForms(args)
	own, command, split := splitCommand(args)
	var err error
	switch s := findSubcommand(args[0]); {
	case s == nil:
		err = run(p, own, command, split, version)
	case s.run != nil:
		err = asSubcommandError(s.run(p, args[1:]))
	default: // help and version, with arguments that withoutForms does not know
		if err = parseFlags(s.grammar(), args[1:]); err == nil {
			p.help(p.out)
		}
	}
	if err != nil {
		err = amended(err, args)
		p.fail(err)
	}
	return exitStatus(err)
}

// growStack makes the runtime grow the stack to the size that a run needs, while the stack is almost empty. Later the runtime would
// copy it, frame by frame, which takes a twentieth of the time to exec.
//
//go:noinline
func growStack(i int) byte {
	var room [8 << 10]byte
	return room[i%len(room)]
}

// splitCommand splits at the first "--", before anything is parsed: left of it are our words, right of it
// the command, byte for byte.
func splitCommand(args []string) (own, command []string, split bool) {
	i := slices.Index(args, "--")
	if i < 0 {
		return args, nil, false
	}
	return args[:i], args[i+1:], true
}
