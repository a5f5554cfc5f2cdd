package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/mattn/go-isatty"

	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/inherit"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/shell"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// envFlags are the flags of systemfd env.
type envFlags struct {
	Socket   []string `short:"s" sep:"none" placeholder:"SPEC" complete:"spec" help:"keep a socket open; repeatable. Without: address to this\nshell the sockets that it was started with"`
	Shell    string   `placeholder:"SHELL" complete:"shell" default:"sh" help:"for which shell: sh (also bash, dash, ksh, zsh), fish, csh\n(also tcsh) or powershell (also pwsh) [sh]"`
	JSON     bool     `name:"json" help:"print the variables as a JSON object; null is to be unset"`
	Unset    bool     `help:"take it all back, and let go of the sockets"`
	NoListen bool     `help:"leave LISTEN_* out: for shells in which podman is used"`
	Owner    int      `placeholder:"PID" complete:"pid" help:"the process that the sockets are kept for [this shell]"`
	Name     string   `placeholder:"NAME" complete:"holder" help:"share a holder of this name [that of this folder]"`
	Help     bool     `short:"h" help:"print this help"`
}

const envHelp = `systemfd env keeps sockets open for this shell, while nothing serves them, and prints
what the shell has to evaluate: from then on "systemfd -- COMMAND" gets them.

Usage: eval "$(systemfd env -s SPEC...)"
       systemfd env -s SPEC... --shell fish | source
       systemfd env -s SPEC... --json | from json | load-env    (nushell)

Flags:
`

// export is one variable to set; without value, one to unset.
type export struct {
	name, value string
	shellPID    bool // the value is the process ID of the shell
}

// env is systemfd env. On standard output there is nothing but code; on failure code that makes the eval fail.
func env(p *printer, args []string) error {
	flags := envFlags{Shell: "sh"}
	if err := parseFlags(&flags, args); err != nil {
		p.answer(shellOf(&flags).Fail())
		return err
	}
	if flags.Help {
		p.flagHelp(envHelp, &flags)
		return nil
	}
	exports, err := exportsFor(p, &flags, args)
	switch {
	case err != nil && flags.JSON:
		return err
	case err != nil:
		p.answer(shellOf(&flags).Fail())
		return err
	case flags.JSON:
		p.answer(exportsJSON(exports))
	default:
		p.answer(exportsCode(exports, shellOf(&flags)))
	}
	return nil
}

// shellOf returns the shell that flags name; code for sh makes every other one fail too.
func shellOf(flags *envFlags) shell.Shell {
	if s, ok := shell.Lookup(flags.Shell); ok {
		return s
	}
	s, _ := shell.Lookup("sh")
	return s
}

func exportsFor(p *printer, flags *envFlags, args []string) ([]export, error) {
	if _, ok := shell.Lookup(flags.Shell); !ok {
		return nil, &usageError{fmt.Sprintf("unknown shell %q", flags.Shell), "--shell takes " + strings.Join(shell.Names(), ", ") + "; other shells can read --json"}
	}
	if f, ok := p.out.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return nil, &failure{"standard output is a terminal, nothing would evaluate the code", shellOf(flags).Eval(shell.Join(append([]string{"systemfd", "env"}, args...)))}
	}
	owner := flags.Owner
	if owner == 0 {
		owner = holder.DefaultOwner()
	}
	switch {
	case flags.Unset:
		return unsetExports(flags, owner)
	case len(flags.Socket) > 0:
		return holdExports(flags, owner)
	}
	return ownExports()
}

// holdExports claims sockets, and names them and their holder.
func holdExports(flags *envFlags, owner int) ([]export, error) {
	specs, err := parseSpecs(flags.Socket)
	if err != nil {
		return nil, err
	}
	control, err := holder.Control(flags.Name)
	if err != nil {
		return nil, err
	}
	bound, pid, err := holder.Claim(control, owner, specs, socket.Options{Backlog: socket.DefaultBacklog})
	if err != nil {
		return nil, err
	}
	exports := append([]export{{name: listenfds.Holder, value: control}}, setExports(bound)...)
	if flags.NoListen {
		exports = append(exports[:2], export{name: listenfds.FDs}, export{name: listenfds.FDNames}, export{name: listenfds.PID})
	} else {
		exports = append(exports, export{name: listenfds.PID, value: strconv.Itoa(pid)})
	}
	return append(exports, staleExports()...), nil
}

// setExports says which sockets, how many, and their names.
func setExports(bound []spec.Spec) []export {
	var texts, names []string
	for _, s := range bound {
		texts, names = append(texts, s.String()), append(names, s.FDName())
	}
	return []export{
		{name: listenfds.Sockets, value: listenfds.Encode(texts)},
		{name: listenfds.FDs, value: strconv.Itoa(len(bound))},
		{name: listenfds.FDNames, value: strings.Join(names, ":")},
	}
}

// staleExports unsets what another activator left, where it did.
func staleExports() []export {
	var stale []export
	for _, name := range []string{listenfds.PIDFDID, listenfds.FirstFD} {
		if _, ok := os.LookupEnv(name); ok {
			stale = append(stale, export{name: name})
		}
	}
	return stale
}

// ownExports addresses to this shell the descriptors that it was started with.
func ownExports() ([]export, error) {
	set, err := listenfds.Parse(os.Getenv)
	if err != nil {
		return nil, err
	}
	sockets, _, err := inherit.Take(set)
	switch {
	case err != nil && set.Holder != "":
		err = &failure{"this shell has no sockets of its own, a holder keeps them", "systemfd -- COMMAND gets them"}
	case err == nil && len(sockets) == 0:
		err = &failure{"this shell was started without sockets", `say which to keep open: eval "$(systemfd env -s http::3000)"`}
	}
	if err != nil {
		return nil, err
	}
	described := describe(sockets)
	exports := []export{
		{name: listenfds.Sockets, value: listenfds.Encode(described.Specs)},
		{name: listenfds.FDs, value: strconv.Itoa(len(sockets))},
		{name: listenfds.FDNames, value: strings.Join(described.Names, ":")},
		{name: listenfds.PID, shellPID: true},
		{name: listenfds.PIDFDID},
	}
	return exports, nil
}

// unsetExports drops the owner's claim.
func unsetExports(flags *envFlags, owner int) ([]export, error) {
	control := os.Getenv(listenfds.Holder)
	if control == "" || flags.Name != "" {
		var err error
		if control, err = holder.Control(flags.Name); err != nil {
			return nil, err
		}
	}
	if err := holder.Release(control, owner); err != nil {
		return nil, err
	}
	var exports []export
	for _, name := range listenfds.Variables {
		exports = append(exports, export{name: name})
	}
	return exports, nil
}

// exportsCode is one statement a line.
func exportsCode(exports []export, s shell.Shell) string {
	var lines []string
	for _, e := range exports {
		switch {
		case e.shellPID:
			lines = append(lines, s.SetPID(e.name))
		case e.value != "":
			lines = append(lines, s.Set(e.name, e.value))
		default:
			lines = append(lines, s.Unset(e.name))
		}
	}
	return strings.Join(lines, "\n")
}

// exportsJSON is an object of the variables; our parent is the shell.
func exportsJSON(exports []export) string {
	object := map[string]*string{}
	for _, e := range exports {
		switch {
		case e.shellPID:
			pid := strconv.Itoa(os.Getppid())
			object[e.name] = &pid
		case e.value != "":
			object[e.name] = &e.value
		default:
			object[e.name] = nil
		}
	}
	text, _ := json.Marshal(object) // of strings alone: cannot fail
	return string(text)
}
