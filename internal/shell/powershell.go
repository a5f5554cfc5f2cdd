package shell

// powershell is PowerShell and pwsh.
type powershell struct{}

func (powershell) Set(name, value string) string { return "$env:" + name + " = '" + value + "';" }
func (powershell) SetPID(name string) string     { return "$env:" + name + " = $PID;" }
func (powershell) Unset(name string) string {
	return "Remove-Item Env:" + name + " -ErrorAction SilentlyContinue;"
}
func (powershell) Fail() string { return "throw 'systemfd env failed';" }
func (powershell) Eval(command string) string {
	return command + " | Out-String | Invoke-Expression"
}
