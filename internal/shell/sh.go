package shell

// sh is every shell of POSIX: bash, zsh, dash, ksh, yash, busybox.
type sh struct{}

func (sh) Set(name, value string) string { return "export " + name + "='" + value + "';" }
func (sh) SetPID(name string) string     { return "export " + name + "=$$;" }
func (sh) Unset(name string) string      { return "unset " + name + ";" }
func (sh) Fail() string                  { return "false;" }
func (sh) Eval(command string) string    { return `eval "$(` + command + `)"` }
