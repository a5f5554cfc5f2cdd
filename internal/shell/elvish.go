package shell

import "strings"

type elvish struct{}

func (elvish) Set(name, value string) string {
	return "set-env " + name + " " + elvishQuoted(value) + ";"
}
func (elvish) SetPID(name string) string  { return "set-env " + name + " $pid;" }
func (elvish) Unset(name string) string   { return "unset-env " + name + ";" }
func (elvish) Fail() string               { return "fail 'systemfd env failed';" }
func (elvish) Eval(command string) string { return "eval (" + command + " | slurp)" }

func elvishQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
