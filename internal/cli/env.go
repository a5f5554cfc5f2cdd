package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/shell"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/takeover"
)

// envFlags are the flags of systemfd env.
type envFlags struct {
	openFlags
	Shell    string `placeholder:"SHELL" complete:"shell" help:"for which shell: sh (bash, dash, ksh, zsh), fish, csh (tcsh), powershell (pwsh), cmd, xonsh, elvish; or dotenv, for an env file [sh; on Windows: this shell]"`
	JSON     bool   `name:"json" help:"print the variables as a JSON object; null is to be unset"`
	Unset    bool   `help:"take it all back, and close the sockets"`
	NoListen bool   `help:"leave LISTEN_* out: for shells in which podman is used"`
	Owner    string `placeholder:"PID" complete:"pid" help:"the process that the sockets are kept for [this shell]"`
	Name     string `placeholder:"NAME" complete:"name" help:"share a holder of this name [that of this directory]"`
	Quiet    bool   `short:"q" help:"print only errors"`
	Help     bool   `short:"h" help:"print this help"`
}

const envHelp = `systemfd env keeps sockets open for this shell, while nothing serves them, and
prints what the shell has to evaluate: from then on "systemfd -- COMMAND" gets
them. Without -s and -u it addresses to this shell the sockets that it was
started with.

Usage: eval "$(systemfd env -s SPEC...)"
       systemfd env -s SPEC... --shell fish | source
       systemfd env -s SPEC... --json | from json | load-env    (nushell)
       systemfd env -s SPEC... --shell dotenv >.env

Flags:
`

// export is one variable to set; without value, one to unset.
type export struct {
	name, value string
	shellPID    bool // the value is the process ID of the shell
}

// env is systemfd env. On standard output there is nothing but code; on failure code that makes the eval fail.
func env(p *printer, args []string) error {
	var flags envFlags
	err := parseOpening(&flags, &flags.openFlags, &flags.Quiet, args)
	if err == nil && flags.Help {
		p.flagHelp(envHelp, &flags)
		return nil
	}
	if typed := valuesOf("--shell", "--shell", args); err != nil && len(typed) > 0 {
		flags.Shell = typed[len(typed)-1]
	}
	p.quiet = flags.Quiet
	var exports []export
	if err == nil {
		exports, err = exportsFor(p, &flags, args)
	}
	switch {
	case err != nil && (flags.JSON || p.isOnTerminal()):
	case err != nil:
		p.answer(shellOf(&flags).Fail())
	case flags.JSON:
		p.answer(exportsJSON(exports))
	default:
		p.answer(exportsCode(exports, shellOf(&flags)))
	}
	return err
}

// shellOf returns the shell that flags name; code for sh makes every other one fail too.
func shellOf(flags *envFlags) shell.Shell {
	if s, ok := shell.Lookup(cmp.Or(flags.Shell, process.CallingShell())); ok {
		return s
	}
	s, _ := shell.Lookup("sh")
	return s
}

func exportsFor(p *printer, flags *envFlags, args []string) (exports []export, err error) {
	if err := flags.check(); err != nil {
		return nil, err
	}
	isOwn := !flags.Unset && !flags.opens()
	w, err := flags.wanted()
	if isOwn && err == nil {
		exports, err = ownExports()
	}
	if err == nil {
		err = flags.checkDotenvNames(w.openings)
	}
	switch {
	case err != nil:
		w.tell(p)
		return nil, err
	case p.isOnTerminal():
		return nil, &failure{"standard output is a terminal, nothing would evaluate the code", envLine(args, flags.Shell, flags.JSON)}
	case flags.Unset:
		return unsetExports(flags)
	case !isOwn:
		return keepExports(p, flags, w)
	}
	return exports, nil
}

// check finds what would be left undone without a word.
func (f *envFlags) check() error {
	if f.Shell != "" {
		if err := checkShell(f.Shell); err != nil {
			return err
		}
	}
	if err := f.checkDotenv(); err != nil {
		return err
	}
	isOwn := !f.Unset && !f.opens()
	switch {
	case f.JSON && f.Shell != "":
		return superfluous("--json is the same for every shell", "leave --shell out", "shell")
	case f.Unset && (f.opens() || len(f.Map) > 0 || f.Mode != ""):
		return superfluous("--unset opens nothing", "leave the rest out", "socket", "unit", "map", "mode", "backlog", "no-reuse", "reuse-port")
	case isOwn && (f.Owner != "" || f.Name != "" || f.NoListen || len(f.Map) > 0 || f.Mode != ""):
		return withoutSocket("there is nothing to keep open")
	}
	return nil
}

// envLine is the line by which the shell of the user evaluates systemfd env with these arguments.
func envLine(args []string, shellName string, isJSON bool) string {
	parent := process.Name(os.Getppid())
	line := func(more ...string) string { return shell.Join(slices.Concat([]string{"systemfd", "env"}, args, more)) }
	sh, _ := shell.Lookup("sh")
	s, isKnown := shell.Lookup(cmp.Or(shellName, parent))
	switch isNushell := shellName == "" && parent == "nu"; {
	case isNushell && isJSON:
		return line() + " | from json | load-env"
	case isNushell:
		return line("--json") + " | from json | load-env"
	case isJSON:
		return line() + " | cat"
	case !isKnown:
		return sh.Eval(line())
	case shellName == "" && s != sh:
		return s.Eval(line("--shell", parent))
	}
	return s.Eval(line())
}

// owner returns for whom the sockets are kept open.
func (f *envFlags) owner() (int, error) {
	if f.Owner != "" {
		return parseOwner(f.Owner)
	}
	return process.DefaultOwner()
}

// parseOwner reads the number of --owner.
func parseOwner(text string) (int, error) {
	pid, err := strconv.ParseInt(text, 0, 32)
	if err != nil || pid < 1 {
		return 0, &usageError{fmt.Sprintf("--owner %q is not a process ID", text), "without --owner, it is the shell"}
	}
	return int(pid), nil
}

// keepExports claims sockets, and names them and their holder.
func keepExports(p *printer, flags *envFlags, w wanted) ([]export, error) {
	w.tell(p)
	owner, err := flags.owner()
	if err != nil {
		return nil, err
	}
	keeper, err := holder.Named(flags.Name)
	if err != nil {
		return nil, err
	}
	claimed, err := keeper.Claim(owner, w.openings)
	p.warn(claimed.Warnings...)
	if err != nil {
		return nil, w.explained(err)
	}
	if w.accept {
		p.warn("Accept=yes is not kept: it is systemfd --accept -- COMMAND that accepts")
	}
	sockets := make([]socket.Socket, len(claimed.Openings))
	for i, o := range claimed.Openings {
		sockets[i] = socket.Socket{Name: o.FDName(), Opening: o}
		if claimed.IsNew[i] {
			p.say(fmt.Sprintf("socket %s -> kept open for %s", o.Display(), process.Of(owner)))
		}
	}
	set := takeover.Describe(sockets)
	set.Holder, set.PID = keeper.Control(), claimed.PID
	set.Server, set.Secret = claimed.Server, claimed.Secret
	return append(setExports(set, flags.NoListen), unset(listenfds.PIDFDID, listenfds.FirstFD)...), nil // of another activator
}

// setExports says which sockets, how many, and their names; the last three only if they are not to be left out.
func setExports(set listenfds.Set, noListen bool) (exports []export) {
	for _, v := range set.Variables() {
		switch e := (export{name: v.Name, value: v.Value}); {
		case v.Name == listenfds.FirstFD: // where our descriptors are is not known before there are some
		case noListen && strings.HasPrefix(v.Name, listenfds.Prefix):
			exports = append(exports, export{name: v.Name})
		default:
			exports = append(exports, e)
		}
	}
	return exports
}

// unset unsets those of variables that are set.
func unset(names ...string) (stale []export) {
	for _, name := range names {
		if _, ok := os.LookupEnv(name); ok {
			stale = append(stale, export{name: name})
		}
	}
	return stale
}

// ownExports addresses to this shell the descriptors that it was started with.
func ownExports() ([]export, error) {
	set, err := listenfds.Parse(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	sockets, _, err := takeover.Inherit(set)
	switch {
	case err != nil && set.Holder != "":
		err = heldOnly(set)
	case err == nil && len(sockets) == 0:
		err = &failure{"this shell was started without sockets", "say which to keep open: " + envLine([]string{"-s", "http::3000"}, "", false)}
	}
	if err == nil && !handoff.PassesDescriptors {
		err = &failure{"this shell has sockets, and so has whatever it starts", "systemfd inspect lists them"}
	}
	if err != nil {
		return nil, err
	}
	return append(setExports(takeover.Describe(sockets), false), export{name: listenfds.PID, shellPID: true}, export{name: listenfds.PIDFDID}), nil
}

// heldOnly is the error of a shell that has only the variables of a holder.
func heldOnly(set listenfds.Set) error {
	c, err := holder.At(set.Holder)
	if err != nil {
		return err
	}
	if _, err := c.Status(); !errors.Is(err, holder.ErrGone) {
		return &failure{"this shell has no sockets of its own, a holder keeps them", "systemfd -- COMMAND gets them"}
	}
	openings, _ := spec.ParseOpenings(set.Sockets)
	var again []string
	for _, o := range openings {
		again = append(again, "-s", o.Spec.String())
	}
	return &failure{"the holder of this shell has ended, and its sockets are closed", "open them again: " + envLine(again, "", false)}
}

// unsetExports drops the owner's claim.
func unsetExports(flags *envFlags) ([]export, error) {
	owner, err := flags.owner()
	if err != nil {
		return nil, err
	}
	keeper, err := keeperOf(flags.Name)
	if err == nil {
		err = keeper.Release(owner)
	}
	if err != nil {
		return nil, err
	}
	var exports []export
	for _, name := range listenfds.Names {
		exports = append(exports, export{name: name})
	}
	return append(exports, unset(listenfds.Server, listenfds.Secret)...), nil
}

// keeperOf returns the holder with a name; without one that of this shell, or else of this directory.
func keeperOf(name string) (holder.Client, error) {
	if control := os.Getenv(listenfds.Holder); control != "" && name == "" {
		return holder.At(control)
	}
	return holder.Named(name)
}

// exportsCode is one statement a line, without those that the shell does not have.
func exportsCode(exports []export, s shell.Shell) string {
	var lines []string
	for _, e := range exports {
		line := s.Unset(e.name)
		switch {
		case e.shellPID:
			line = s.SetPID(e.name)
		case e.value != "":
			line = s.Set(e.name, e.value)
		}
		if line != "" {
			lines = append(lines, line)
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
	text, _ := json.Marshal(object) // only of strings: cannot fail
	return string(text)
}
