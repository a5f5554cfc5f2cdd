package shell

import "strings"

// xonsh reads Python.
type xonsh struct{}

func (xonsh) Set(name, value string) string { return "$" + name + " = " + pythonQuoted(value) + ";" }

func (xonsh) SetPID(name string) string  { return "$" + name + " = str(__import__('os').getpid());" }
func (xonsh) Unset(name string) string   { return "${...}.pop('" + name + "', None);" }
func (xonsh) Fail() string               { return "raise RuntimeError('systemfd env failed');" }
func (xonsh) Eval(command string) string { return "execx($(" + command + "))" }

func pythonQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "\r", `\r`).Replace(text) + "'"
}
