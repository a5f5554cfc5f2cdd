package cli

import (
	"fmt"
	"os"
	"slices"

	"github.com/systemfd/systemfd/internal/accept"
	"github.com/systemfd/systemfd/internal/child"
	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/infofile"
	"github.com/systemfd/systemfd/internal/launcher"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/takeover"
)

// runFlags are the flags of the main form, systemfd [flags] -- COMMAND.
type runFlags struct {
	openFlags
	Append   bool     `help:"add the sockets to inherited ones, or those kept open"`
	Only     []string `sep:"none" placeholder:"NAME" complete:"socket" help:"pass only the sockets of that name; repeatable, in that order"`
	Pid      *bool    `negatable:"" on:"set LISTEN_PID" off:"no LISTEN_PID" help:"set LISTEN_PID always, or never [set, but not for launchers known to change the pid]"`
	Nonblock bool     `help:"pass the descriptors with O_NONBLOCK set"`
	Hold     bool     `help:"keep the sockets in a holder too, for as long as COMMAND lives"`
	Lazy     bool     `help:"wait for the first client, then become COMMAND"`
	Accept   bool     `help:"stay, and start COMMAND once per connection"`
	Proxy    bool     `help:"stay in front of COMMAND, which takes no socket, and serves at the port that {port} in its arguments and PORT say"`
	Inetd    bool     `help:"with --accept, the connection on stdin and stdout; without, the first socket on stdin"`
	InfoFile string   `placeholder:"PATH" complete:"file" help:"write the sockets as JSON once bound; - is stdout"`
	Quiet    bool     `short:"q" help:"print only errors"`
	Color    string   `placeholder:"WHEN" complete:"color" help:"colour on stderr: auto, always or never [auto]"`
	Help     bool     `short:"h" help:"print this help"`
	Version  bool     `short:"V" help:"print the version"`
}

// run is the main form: arguments -> openings -> sockets -> descriptors -> exec. It returns if it failed, or if there
// was nothing to run.
func run(p *printer, args, command []string, split bool, version Version) error {
	var flags runFlags
	err := parseOpening(&flags, &flags.openFlags, &flags.Quiet, args)
	if err == nil {
		err = flags.setUp(p)
	}
	switch {
	case err != nil:
		return err
	case flags.Help:
		p.help(p.out)
		return nil
	case flags.Version:
		p.answer(version.String())
		return nil
	case !split:
		return &usageError{"no command", ""}
	case len(command) == 0:
		return &usageError{`no command behind "--"`, ""}
	}
	h := &handover{printer: p, flags: &flags, args: args, argv: command, plan: &takeover.Plan{}}
	err = h.prepare()
	h.wanted.tell(p)
	if is[*lineError](err) { // which says so
		h.plan.Warnings = slices.DeleteFunc(h.plan.Warnings, func(text string) bool { return text == takeover.NoSockets })
	}
	p.warn(h.plan.Warnings...)
	if err != nil {
		return err
	}
	defer h.cleanUp() // if COMMAND does not run
	return h.exec()
}

// setUp has p print as the flags say.
func (f *runFlags) setUp(p *printer) error {
	p.quiet = f.Quiet
	if f.Color == "" { // which newPrinter has seen to
		return nil
	}
	err := checkColor(f.Color)
	if err == nil {
		p.color = wantsColor(f.Color, os.Stderr)
	}
	return err
}

// prepare opens or takes over the sockets, once all else is known to be right. What it warns of is told by the caller,
// because Reserve may start this program again.
func (h *handover) prepare() (err error) {
	if err = h.look(); err != nil {
		return err
	}
	if h.plan, err = takeover.Find(os.LookupEnv, takeover.Wanted{Openings: h.wanted.openings, Append: h.flags.Append, Only: h.flags.Only}); err != nil {
		return err
	}
	if err = h.checkPlan(h.plan.Specs()); err != nil {
		return err
	}
	if h.environ, err = handoff.Reserve(os.Environ(), h.plan.Count()); err != nil {
		return err
	}
	if h.sockets, err = h.plan.Take(); err != nil {
		return h.wanted.explained(err)
	}
	for i := range h.sockets {
		h.sockets[i].Nonblock = h.sockets[i].Nonblock || h.flags.Nonblock
	}
	h.holder = h.plan.Holder()
	if len(h.sockets) == 0 { // all that there was has been stopped
		return h.flags.checkSockets(nil)
	}
	return nil
}

// look reads what the flags say, and finds COMMAND.
func (h *handover) look() (err error) {
	if h.wanted, err = h.flags.wanted(); err != nil {
		return err
	}
	h.flags.Accept = h.flags.Accept || h.wanted.accept
	if err = h.flags.checkSystem(); err != nil {
		return err
	}
	if err = h.flags.checkProxy(); err != nil {
		return err
	}
	if h.flags.Lazy && h.flags.Accept {
		return superfluous("--lazy and --accept do not go together", "--accept, and a unit with Accept=yes, wait for connections anyway", "lazy")
	}
	if h.file, err = handoff.LookPath(h.argv[0]); err != nil {
		return err
	}
	h.way = launcher.Of(h.argv)
	return h.flags.checkOnly()
}

// checkPlan finds what makes no sense with these sockets, before any is opened.
func (h *handover) checkPlan(specs []spec.Spec) error {
	if err := h.flags.checkSockets(specs); err != nil || !h.flags.Proxy {
		return err
	}
	return h.checkPorts(fdNames(specs))
}

// checkOnly refuses what --only would have no sense for.
func (f *runFlags) checkOnly() error {
	for i, name := range f.Only {
		if slices.Contains(f.Only[:i], name) {
			return &usageError{fmt.Sprintf("--only %s is given twice", name), "one passes all sockets of that name"}
		}
	}
	if len(f.Only) > 0 && f.opens() && !f.Append {
		return &usageError{"--only picks from the sockets that are there, and -s and --unit replace them", "leave --only out, or add --append"}
	}
	return nil
}

// checkSockets finds what these sockets are no use for.
func (f *runFlags) checkSockets(specs []spec.Spec) error {
	switch {
	case len(specs) == 0 && f.Accept:
		return withoutSocket("--accept has no socket to accept on")
	case len(specs) == 0 && f.Proxy:
		return withoutSocket("--proxy has no socket to stand in front of")
	case len(specs) == 0 && f.Inetd:
		return withoutSocket("--inetd has no socket to put on stdin")
	}
	for _, s := range specs {
		if f.Accept && s.Type.Transport() == spec.Datagram {
			return superfluous(fmt.Sprintf("--accept cannot accept on %s", s.Display()), "datagrams come without a connection", "accept")
		}
		if f.Proxy && s.Type.Transport() != spec.Stream {
			return &usageError{fmt.Sprintf("--proxy cannot stand in front of %s", s.Display()), "it joins streams: tcp, http, https or unix"}
		}
	}
	return nil
}

// handover is what COMMAND gets.
type handover struct {
	printer *printer
	flags   *runFlags
	file    string       // of COMMAND
	args    []string     // our own arguments
	argv    []string     // COMMAND as it was typed
	way     launcher.Way // from there to the server
	wanted  wanted
	environ []string
	plan    *takeover.Plan
	sockets []takeover.Socket
	holder  holder.Client // that keeps them, nil without one
	isKept  bool          // it does so for us: --hold
	ports   []int         // of --proxy: where COMMAND serves for each socket
	undo    func()        // takes the info file back
}

// exec tells what is passed, and becomes COMMAND.
func (h *handover) exec() error {
	waits := h.flags.Accept || h.flags.Proxy || h.flags.Lazy && len(h.sockets) > 0
	var signals chan os.Signal
	if waits { // whoever reads what is announced may end us at once
		signals = child.Endings()
	}
	if h.flags.Accept || h.flags.Proxy {
		if err := h.stay(); err != nil {
			return err
		}
	}
	if err := h.announce(); err != nil {
		return err
	}
	switch {
	case h.flags.Accept:
		return h.accept(signals)
	case h.flags.Proxy:
		return h.proxy(signals)
	case waits:
		h.ready()
		if err := waitForTraffic(takeover.Sockets(h.sockets), signals, h.cleanUp); err != nil {
			return err
		}
	}
	h.hint()
	c := handoff.Command{File: h.file, Argv: h.argv, Environ: h.environ, Set: h.set(), Inetd: h.flags.Inetd}
	for _, s := range h.sockets {
		c.Sockets = append(c.Sockets, handoff.Socket{FD: s.FD, Nonblock: s.Nonblock, IsShared: len(s.Users) > 0})
	}
	return handoff.Become(c)
}

// stay refuses sockets that others serve: who accepts in their place sets O_NONBLOCK, which is theirs, too. No child of ours is to
// have what this process was started with.
func (h *handover) stay() (err error) {
	for _, s := range h.sockets {
		if len(s.Users) > 0 {
			return socket.InUse(s.Spec, s.Users[0])
		}
	}
	if set, err := listenfds.Parse(os.LookupEnv); err == nil {
		socket.CloseOnExec(set.First, set.Count)
	}
	if h.flags.Proxy {
		err = h.pickPorts()
	}
	return err
}

// set is what the environment says of the sockets.
func (h *handover) set() listenfds.Set {
	set := takeover.Describe(takeover.Sockets(h.sockets))
	set.PID, set.NoHolder = h.listenPID(), h.plan.NoHolder()
	set.Server, set.Secret = h.plan.Server(h.sockets)
	if h.holder != nil {
		set.Holder, set.NoHolder = h.holder.Control(), false
		set.IsOnlyHeld = h.way.Closes() && h.isHeld() && !h.flags.Inetd
	}
	return set
}

// ready tells a service manager that the sockets are open: COMMAND, which could do that, may never run. Clients are
// served also if that fails.
func (h *handover) ready() {
	if err := child.NotifyReady(); err != nil {
		h.printer.warn(err.Error())
	}
}

// isHeld reports whether the holder has all of the sockets.
func (h *handover) isHeld() bool {
	return h.isKept || h.holder != nil && !slices.ContainsFunc(h.sockets, func(s takeover.Socket) bool { return s.Origin == takeover.Opened })
}

// accept stays, and starts COMMAND once per connection.
func (h *handover) accept(signals chan os.Signal) error {
	ending, err := accept.Serve(accept.Service{
		File: h.file, Argv: h.argv, Environ: h.environ, Listeners: takeover.Sockets(h.sockets), Ready: h.ready, CleanUp: h.cleanUp,
		Inetd: h.flags.Inetd, Nonblock: h.flags.Nonblock, PassPID: h.listenPID() != 0, Nested: h.flags.nested(),
		Warn: func(err error) { h.printer.warn(err.Error()) }, Fail: h.printer.fail,
	}, signals)
	if err != nil {
		return err
	}
	child.DieOf(ending)
	return nil
}

// nested is the command line of a systemfd that becomes the command for one connection.
func (f *runFlags) nested() []string {
	argv := []string{"systemfd", "--quiet", "--pid"}
	if f.Nonblock {
		argv = append(argv, "--nonblock")
	}
	return argv
}

// announce says which sockets are open, to people, to the --info-file, and to a holder.
func (h *handover) announce() (err error) {
	for i, s := range h.sockets {
		switch {
		case h.flags.Accept:
			h.printer.accepting(s)
		case h.flags.Proxy:
			h.printer.proxying(s, h.ports[i])
		case s.Origin == takeover.Opened || s.IsFound:
			h.printer.socket(s, placeOf(i))
		}
	}
	if h.flags.InfoFile != "" {
		if h.undo, err = infofile.Write(stdout, h.flags.InfoFile, h.infos()); err != nil {
			return err
		}
	}
	if h.flags.Hold && len(h.sockets) > 0 {
		return h.keep()
	}
	return nil
}

// infos describes the sockets as JSON.
func (h *handover) infos() []byte {
	if h.flags.Proxy {
		return proxiedJSON(takeover.Sockets(h.sockets), h.ports)
	}
	return socketsJSON(takeover.Sockets(h.sockets), firstPlace())
}

// cleanUp leaves nothing behind of what was opened and written.
func (h *handover) cleanUp() {
	if h.undo != nil {
		h.undo()
	}
	if h.isKept { // it would see only later that we have ended
		h.holder.Release(os.Getpid())
	}
	takeover.Undo(h.sockets)
}

// keep gives the sockets to a holder for as long as the process lives that COMMAND will be: to the one that has them,
// since it knows who else uses them, or if there is none, to one of this run.
func (h *handover) keep() (err error) {
	for i, s := range h.sockets {
		if s.Type == "" {
			return &failure{fmt.Sprintf("descriptor %d of %s is no socket that --hold can keep", listenfds.Start+i, listenfds.FDs), "leave --hold out"}
		}
	}
	if h.holder == nil {
		if h.holder, err = holder.Private(); err != nil {
			return err
		}
	}
	err = h.holder.Keep(os.Getpid(), takeover.Sockets(h.sockets))
	h.isKept = err == nil
	return err
}

// listenPID returns what LISTEN_PID says, 0 for nothing.
func (h *handover) listenPID() int {
	if h.flags.Pid == nil && !h.way.PassesPID() || h.flags.Pid != nil && !*h.flags.Pid {
		return 0
	}
	return os.Getpid()
}

// hint tells that the server takes no socket, or what the launchers do to the sockets.
func (h *handover) hint() {
	if len(h.sockets) == 0 || h.printer.quiet {
		return
	}
	text := h.proxyHint()
	if text == "" {
		text = h.way.Hint(launcher.Outer{Args: h.args, IsHeld: h.isHeld(), PID: h.flags.Pid != nil})
	}
	if text != "" {
		h.printer.hint(text)
	}
}
