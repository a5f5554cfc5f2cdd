package shell

import "strings"

// powershell is PowerShell and pwsh.
type powershell struct{}

func (powershell) Set(name, value string) string {
	return "$env:" + name + " = " + powershellQuoted(value) + ";"
}
func (powershell) SetPID(name string) string { return "$env:" + name + " = $PID;" }
func (powershell) Unset(name string) string {
	return "Remove-Item Env:" + name + " -ErrorAction SilentlyContinue;"
}
func (powershell) Fail() string { return "throw 'systemfd env failed';" }
func (powershell) Eval(command string) string {
	return command + " | Out-String | Invoke-Expression"
}

// powershellQuoted doubles single quotes, and the typographic quotes that PowerShell treats as single quotes.
func powershellQuoted(text string) string {
	return "'" + strings.NewReplacer("'", "''", "\u2018", "\u2018\u2018", "\u2019", "\u2019\u2019", "\u201a", "\u201a\u201a", "\u201b", "\u201b\u201b").Replace(text) + "'"
}
