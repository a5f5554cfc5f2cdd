// Package shell spells "set", "unset" and "fail" for each shell that can eval what systemfd env prints, and for env files. Every
// value is quoted; every statement of a shell ends with ";", so that statements may also be joined by blanks.
package shell

import (
	"maps"
	"slices"
)

// Shell spells statements, "" for one that it does not have.
type Shell interface {
	Set(name, value string) string // export a variable
	SetPID(name string) string     // export a variable with the shell's own process ID
	Unset(name string) string
	Fail() string               // make the eval fail
	Eval(command string) string // the line to type
}

// shells has every name that --shell takes.
var shells = map[string]Shell{
	"sh": sh{}, "bash": sh{}, "dash": sh{}, "ksh": sh{}, "zsh": sh{},
	"fish": fish{},
	"csh":  csh{}, "tcsh": csh{},
	"powershell": powershell{}, "pwsh": powershell{},
	"xonsh":  xonsh{},
	"elvish": elvish{},
	"cmd":    cmd{},
	Dotenv:   dotenv{},
}

// Names returns what Lookup knows, in order.
func Names() []string { return slices.Sorted(maps.Keys(shells)) }

// Lookup returns the shell of that name.
func Lookup(name string) (Shell, bool) {
	s, ok := shells[name]
	return s, ok
}
