package shell

// cmd is cmd.exe. Its line gives each assignment to SET in quotes: FOR /F does not parse again what it has read, and SET takes all up
// to the last quote, so nothing in a value has to be escaped.
type cmd struct{}

func (cmd) Set(name, value string) string { return name + "=" + value }
func (cmd) SetPID(string) string          { return "" } // it does not know it
func (cmd) Unset(name string) string      { return name + "=" }
func (cmd) Fail() string                  { return "" }
func (cmd) Eval(command string) string {
	return `for /f "delims=" %i in ('` + command + `') do @set "%i"`
}
