//go:build !unix

package handoff

import (
	"errors"
	"os"
)

// Reserve reserves nothing: no descriptors are passed here.
func Reserve(environ []string, _ int) ([]string, error) { return environ, nil }

// SetNonblock fails: no descriptors are passed here.
func SetNonblock([]int, bool) error { return errors.ErrUnsupported }

// Place fails.
func Place([]int) error { return errors.ErrUnsupported }

// OnStdin fails.
func OnStdin(int) error { return errors.ErrUnsupported }

// LookPath returns name as it is.
func LookPath(name string) (string, error) { return name, nil }

// Exec fails: there is no exec here.
func Exec(_ string, argv, _ []string) error { return &ExecError{argv[0], errors.ErrUnsupported} }

// Start fails.
func Start(_ string, argv, _ []string, _ []uintptr) (int, error) {
	return 0, &ExecError{argv[0], errors.ErrUnsupported}
}

// Reap finds no child.
func Reap() (int, bool) { return 0, false }

// Signal has no child to send to.
func Signal(int, os.Signal) {}

// IsShort finds nothing short.
func IsShort(error) bool { return false }
