//go:build !unix && !windows

package handoff

import "errors"

// PassesDescriptors is false.
const PassesDescriptors = false

// Reserve reserves nothing: no descriptors are passed here.
func Reserve(environ []string, _ int) ([]string, error) { return environ, nil }

// LookPath returns name as it is.
func LookPath(name string) (string, error) { return name, nil }

// Become fails: there is no exec here.
func Become(c Command) error { return &ExecError{c.Argv[0], errors.ErrUnsupported} }
