package shell

import "strings"

// csh is csh and tcsh.
type csh struct{}

func (csh) Set(name, value string) string { return "setenv " + name + " " + cshQuoted(value) + ";" }
func (csh) SetPID(name string) string     { return "setenv " + name + " $$;" }
func (csh) Unset(name string) string      { return "unsetenv " + name + ";" }
func (csh) Fail() string                  { return "false;" }
func (csh) Eval(command string) string    { return "eval `" + command + "`" }

// cshQuoted also escapes "!", which csh replaces by history even in quotes.
func cshQuoted(text string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `\!`, "\n", "\\\n").Replace(text) + "'"
}
