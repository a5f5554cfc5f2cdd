//go:build !unix

package handoff

import "errors"

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
