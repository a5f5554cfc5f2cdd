package cli

import (
	"fmt"
	"os"

	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/takeover"
)

// runFlags are the flags of the main form, systemfd [flags] -- COMMAND.
type runFlags struct {
	openFlags
	Append   bool   `help:"add the sockets to the inherited ones, or those kept open"`
	Pid      *bool  `negatable:"" help:"set LISTEN_PID always, or never\n[set, but not for launchers known to change the pid]"`
	Nonblock bool   `help:"pass the descriptors with O_NONBLOCK set"`
	Hold     bool   `help:"keep the sockets in a holder too, for as long as COMMAND lives"`
	Lazy     bool   `help:"wait for the first connection or datagram, then become COMMAND"`
	Accept   bool   `help:"stay, and start COMMAND once per connection"`
	Inetd    bool   `help:"with --accept, the connection on stdin and stdout;\nwithout, the first socket on stdin"`
	InfoFile string `placeholder:"PATH" complete:"file" help:"write the sockets as JSON once they are bound; - is stdout"`
	Quiet    bool   `short:"q" help:"print only errors"`
	Color    string `placeholder:"WHEN" complete:"color" default:"auto" enum:"auto,always,never" help:"colour on stderr: auto, always or never [auto]"`
	Help     bool   `short:"h" help:"print this help"`
	Version  bool   `short:"V" help:"print the version"`
}

// run is the main form: arguments -> openings -> sockets -> descriptors -> exec. It returns if it failed, or if there
// was nothing to run.
func run(p *printer, args, command []string, split bool, version Version) error {
	var flags runFlags
	if err := parseFlags(&flags, args); err != nil {
		return err
	}
	p.quiet, p.color = flags.Quiet, wantsColor(flags.Color, os.Stderr)
	switch {
	case flags.Help:
		p.help(p.out)
		return nil
	case flags.Version:
		p.answer(version.String())
		return nil
	case !split:
		return &usageError{"no command", `put "--" before it: systemfd -s http::3000 -- ./server`}
	case len(command) == 0:
		return &usageError{`no command after "--"`, "systemfd -s http::3000 -- ./server"}
	}
	p.delayed = true // Reserve may start this program again
	w, err := flags.wanted(p)
	if err != nil {
		return err
	}
	flags.Accept = flags.Accept || w.accept
	if flags.Lazy && flags.Accept {
		return &usageError{"--lazy and --accept do not go together", "--accept waits for connections anyway, and so does a unit with Accept=yes"}
	}
	file, err := handoff.LookPath(command[0])
	if err != nil {
		return err
	}
	plan, err := takeover.Find(os.LookupEnv, w.openings, flags.Append)
	if err != nil {
		return err
	}
	if err := flags.checkSockets(plan.Specs()); err != nil {
		return err
	}
	environ, err := handoff.Reserve(os.Environ(), plan.Count())
	if err != nil {
		return err
	}
	p.release()
	sockets, err := plan.Take()
	for _, warning := range plan.Warnings {
		p.warn("%s", warning)
	}
	if err != nil {
		return w.withMapHint(err)
	}
	if len(sockets) == 0 { // stopped, all that there was
		if err := flags.checkSockets(nil); err != nil {
			return err
		}
	}
	h := handover{printer: p, flags: &flags, plan: plan, sockets: sockets, holder: plan.Holder(sockets)}
	defer h.cleanUp() // if COMMAND does not run
	return h.exec(file, command, environ)
}

// checkSockets finds what makes no sense with these sockets, before any is opened.
func (f *runFlags) checkSockets(specs []spec.Spec) error {
	switch {
	case len(specs) == 0 && f.Accept:
		return &usageError{"--accept has no socket to accept on", "give it one: -s http::3000"}
	case len(specs) == 0 && f.Inetd:
		return &usageError{"--inetd has no socket to put on stdin", "give it one: -s http::3000"}
	}
	for _, s := range specs {
		if f.Accept && s.Type.Transport() == spec.Datagram {
			return &usageError{fmt.Sprintf("--accept cannot accept on %s", s.Display()), "datagrams come without a connection: leave --accept out"}
		}
	}
	return nil
}

// handover is what COMMAND gets.
type handover struct {
	printer *printer
	flags   *runFlags
	plan    *takeover.Plan
	sockets []takeover.Socket
	holder  *holder.Client // that keeps them, nil without one
	undo    func()         // takes the info file back
}

// exec tells what is passed, puts it in place and becomes COMMAND.
func (h *handover) exec(file string, command, environ []string) error {
	waits := h.flags.Accept || h.flags.Lazy && len(h.sockets) > 0
	var signals chan os.Signal
	if waits { // whoever reads what is announced may end us at once
		signals = notifyEndings()
	}
	if err := h.announce(); err != nil {
		return err
	}
	switch {
	case h.flags.Accept:
		a := acceptor{printer: h.printer, flags: h.flags, file: file, command: command, environ: environ}
		return a.serve(takeover.Sockets(h.sockets), signals, h.cleanUp)
	case waits:
		if err := waitForTraffic(takeover.Sockets(h.sockets), signals, h.cleanUp); err != nil {
			return err
		}
	}
	set := takeover.Describe(takeover.Sockets(h.sockets))
	set.PID, set.NoHolder = h.listenPID(command), h.plan.NoHolder()
	if h.holder != nil {
		set.Holder, set.NoHolder = h.holder.Control(), false
	}
	environ = listenfds.Environ(environ, set)
	if err := h.place(); err != nil {
		return err
	}
	return handoff.Exec(file, command, environ)
}

// announce says which sockets are open, to people, to the --info-file, and to a holder.
func (h *handover) announce() (err error) {
	for i, s := range h.sockets {
		if s.Origin == takeover.Opened || s.IsFound {
			h.printer.socket(s, listenfds.Start+i)
		}
	}
	if h.flags.InfoFile != "" {
		if h.undo, err = writeInfo(h.printer.out, h.flags.InfoFile, socketsJSON(takeover.Sockets(h.sockets), listenfds.Start)); err != nil {
			return err
		}
	}
	if h.flags.Hold && len(h.sockets) > 0 {
		return h.keep()
	}
	return nil
}

// place puts the sockets where COMMAND finds them. Exec has to follow at once.
func (h *handover) place() error {
	var fds, ours []int
	for _, s := range h.sockets {
		fds = append(fds, s.FD)
		if len(s.Users) == 0 { // else its O_NONBLOCK is theirs
			ours = append(ours, s.FD)
		}
	}
	if err := handoff.SetNonblock(ours, h.flags.Nonblock); err != nil {
		return err
	}
	if err := handoff.Place(fds); err != nil {
		return err
	}
	if h.flags.Inetd {
		return handoff.OnStdin(listenfds.Start)
	}
	return nil
}

// cleanUp leaves nothing behind of what was opened and written.
func (h *handover) cleanUp() {
	if h.undo != nil {
		h.undo()
	}
	takeover.Undo(h.sockets)
}

// keep gives the sockets to a holder for as long as the process lives that COMMAND will be: to the one that has them,
// since it knows who else uses them, or if there is none, to one of this run.
func (h *handover) keep() error {
	for i, s := range h.sockets {
		if s.Type == "" {
			return &failure{fmt.Sprintf("descriptor %d of %s is no socket that --hold can keep", listenfds.Start+i, listenfds.FDs), "leave --hold out"}
		}
	}
	if h.holder == nil {
		h.holder = holder.Private()
	}
	return h.holder.Keep(os.Getpid(), takeover.Sockets(h.sockets))
}

// listenPID returns what LISTEN_PID says, 0 for nothing, and prints the launcher's hint.
func (h *handover) listenPID(command []string) int {
	l := launcherOf(command)
	if l != nil && len(h.sockets) > 0 {
		if hint := l.hint(h.flags.typed(), command, h.holder != nil, h.flags.Pid != nil); hint != "" {
			h.printer.hint(hint)
		}
	}
	if h.flags.Pid == nil && l != nil || h.flags.Pid != nil && !*h.flags.Pid {
		return 0
	}
	return os.Getpid()
}
