package shell

// csh is csh and tcsh.
type csh struct{}

func (csh) Set(name, value string) string { return "setenv " + name + " '" + value + "';" }
func (csh) SetPID(name string) string     { return "setenv " + name + " $$;" }
func (csh) Unset(name string) string      { return "unsetenv " + name + ";" }
func (csh) Fail() string                  { return "false;" }
func (csh) Eval(command string) string    { return "eval `" + command + "`" }
