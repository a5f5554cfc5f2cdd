package shell

import "strings"

type fish struct{}

func (fish) Set(name, value string) string { return "set -gx " + name + " " + fishQuoted(value) + ";" }
func (fish) SetPID(name string) string     { return "set -gx " + name + " $fish_pid;" }
func (fish) Fail() string                  { return "false;" }
func (fish) Eval(command string) string    { return command + " | source" }

// Unset succeeds if there is nothing to unset, too, as in the other shells: "set -e" fails with status 4 then.
func (fish) Unset(name string) string { return "set -e " + name + "; or true;" }

// fishQuoted escapes the two characters that mean something in single quotes.
func fishQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
