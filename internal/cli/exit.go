package cli

import (
	"errors"
	"io/fs"

	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/takeover"
	"github.com/systemfd/systemfd/internal/unitfile"
)

// The exit statuses of systemfd itself, the same as of env(1) and timeout(1). Otherwise the exit status is the command's own.
const (
	exitSubcommand = 1
	exitUsage      = 2
	exitFailed     = 125
	exitCannotExec = 126
	exitNotFound   = 127
)

// usageError is a wrong command line.
type usageError struct{ text, hint string }

func (e *usageError) Error() string { return e.text }
func (e *usageError) Hint() string  { return e.hint }

// failure is the negative answer of a subcommand, for example that no socket has a name.
type failure struct{ text, hint string }

func (e *failure) Error() string { return e.text }
func (e *failure) Hint() string  { return e.hint }

// subcommandError marks the error of a subcommand.
type subcommandError struct{ error }

func (e subcommandError) Unwrap() error { return e.error }

func asSubcommandError(err error) error {
	if err == nil {
		return nil
	}
	return subcommandError{err}
}

func exitStatus(err error) int {
	switch {
	case err == nil:
		return 0
	case is[*usageError](err), is[*parseError](err), is[*lineError](err), is[*spec.Error](err), is[*unitfile.Error](err),
		is[*unitfile.MapError](err), is[*takeover.NameError](err):
		return exitUsage
	case is[subcommandError](err):
		return exitSubcommand
	case is[*handoff.ExecError](err) && errors.Is(err, fs.ErrNotExist):
		return exitNotFound
	case is[*handoff.ExecError](err):
		return exitCannotExec
	}
	return exitFailed
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
