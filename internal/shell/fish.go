package shell

import "strings"

type fish struct{}

func (fish) Set(name, value string) string { return "set -gx " + name + " " + fishQuoted(value) + ";" }
func (fish) SetPID(name string) string     { return "set -gx " + name + " $fish_pid;" }
func (fish) Fail() string                  { return "false;" }
func (fish) Eval(command string) string    { return command + " | source" }

// Unset also succeeds if there is nothing to unset, as in the other shells. Without "or true", "set -e" would fail with status 4.
func (fish) Unset(name string) string { return "set -e " + name + "; or true;" }

// fishQuoted escapes the two characters that mean something in single quotes.
func fishQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}
