// Package shell spells "set", "unset" and "fail" for each shell that can eval what systemfd env prints. A value
// must be free of quotes and blanks; every statement ends with ";", so that it may also be joined by blanks.
package shell

// Shell spells statements.
type Shell interface {
	Set(name, value string) string // export a variable
	SetPID(name string) string     // export a variable with the shell's own process ID
	Unset(name string) string
	Fail() string // make the eval fail
	Eval(command string) string
}

// shells has every name that --shell takes.
var shells = map[string]Shell{
	"sh":         sh{},
	"fish":       fish{},
	"csh":        csh{},
	"powershell": powershell{},
}

// Names are the names that Lookup knows.
const Names = "sh, fish, csh, powershell"

// Lookup returns the shell of that name.
func Lookup(name string) (Shell, bool) {
	s, ok := shells[name]
	return s, ok
}
