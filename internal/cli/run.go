package cli

import (
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// runFlags are the flags of the main form, systemfd [flags] -- COMMAND.
type runFlags struct {
	Socket    []string `short:"s" sep:"none" placeholder:"SPEC" complete:"spec" help:"open a socket; repeatable, in the order of the descriptors"`
	Unit      []string `short:"u" sep:"none" placeholder:"FILE" complete:"unit" help:"open the sockets of a systemd .socket unit; repeatable"`
	Map       []string `sep:"none" placeholder:"FROM=TO" complete:"map" help:"bind TO where a unit says FROM: a port, an address or a path"`
	Append    bool     `help:"add the sockets to the inherited or held ones"`
	Backlog   int      `short:"b" placeholder:"N" default:"4096" help:"listen queue, in connections [4096]; the system may cap it"`
	NoReuse   bool     `help:"do not set SO_REUSEADDR on TCP sockets"`
	ReusePort bool     `help:"set SO_REUSEPORT on TCP and UDP sockets"`
	Pid       *bool    `negatable:"" help:"set LISTEN_PID always, or never\n[set, but not for launchers known to change the pid]"`
	Nonblock  bool     `help:"pass the descriptors with O_NONBLOCK set"`
	Mode      string   `placeholder:"OCTAL" complete:"mode" help:"permission bits of unix sockets [0666 less the umask]"`
	Hold      bool     `help:"keep the sockets in a holder too, for as long as COMMAND lives"`
	Lazy      bool     `help:"wait for the first connection or datagram, then become COMMAND"`
	Accept    bool     `help:"stay, and start COMMAND once a connection"`
	Inetd     bool     `help:"with --accept, the connection on stdin and stdout;\nwithout, the first socket on stdin"`
	InfoFile  string   `placeholder:"PATH" complete:"file" help:"write the sockets as JSON once they are bound; - is stdout"`
	Quiet     bool     `short:"q" help:"print errors alone"`
	Color     string   `placeholder:"WHEN" complete:"color" default:"auto" enum:"auto,always,never" help:"colour on stderr: auto, always or never [auto]"`
	Help      bool     `short:"h" help:"print this help"`
	Version   bool     `short:"V" help:"print the version"`
}

// opens reports whether sockets are to be opened, not taken over alone.
func (f *runFlags) opens() bool { return len(f.Socket) > 0 || len(f.Unit) > 0 }

// typed is what says which sockets, as it would be typed again.
func (f *runFlags) typed() (words []string) {
	for _, s := range f.Socket {
		words = append(words, "-s", s)
	}
	for _, file := range f.Unit {
		words = append(words, "--unit", file)
	}
	for _, m := range f.Map {
		words = append(words, "--map", m)
	}
	return words
}

// run is the main form: arguments -> specs -> sockets -> descriptors -> exec. It returns where it failed,
// or where there was nothing to run.
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
	if err := flags.check(); err != nil {
		return err
	}

	p.delayed = true // Reserve may start this program again
	all, accept, err := openings(p, &flags)
	if err != nil {
		return err
	}
	flags.Accept = flags.Accept || accept
	if flags.Lazy && flags.Accept {
		return &usageError{"--lazy and --accept do not go together", "--accept waits for connections anyway, and so does a unit with Accept=yes"}
	}
	file, err := handoff.LookPath(command[0])
	if err != nil {
		return err
	}
	taken, err := findTakeover(p, &flags)
	if err != nil {
		return err
	}
	environ, err := handoff.Reserve(os.Environ(), taken.count()+len(all))
	if err != nil {
		return err
	}
	p.release()
	sockets, shared, err := taken.sockets(p)
	if err != nil {
		return err
	}
	if err := flags.checkSockets(append(specsOf(sockets), specsToOpen(all)...)); err != nil {
		return err
	}
	opened, err := open(all)
	if err != nil {
		return err
	}
	h := handover{printer: p, flags: &flags, sockets: append(sockets, opened...), opened: len(opened), shared: shared, holder: taken.holder}
	defer h.cleanUp() // where COMMAND does not run
	return h.exec(file, command, environ)
}

// check finds what makes no sense, whatever the sockets.
func (f *runFlags) check() error {
	if f.Backlog < 1 || f.Backlog > math.MaxInt32 {
		return &usageError{fmt.Sprintf("--backlog %d is not a number of connections from 1 to %d", f.Backlog, math.MaxInt32), ""}
	}
	return nil
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
	sockets []socket.Socket
	opened  int    // the last of sockets, opened by us
	shared  bool   // the others are in use: their O_NONBLOCK is somebody else's
	holder  string // control socket, "" without one
	undo    func() // takes the info file back
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
		return a.serve(h.sockets, signals, h.cleanUp)
	case waits:
		if err := waitForTraffic(h.sockets, signals, h.cleanUp); err != nil {
			return err
		}
	}
	set := describe(h.sockets)
	set.PID, set.Holder = h.listenPID(command), h.holder
	environ = listenfds.Environ(environ, set)
	if err := h.place(); err != nil {
		return err
	}
	return handoff.Exec(file, command, environ)
}

// announce says which sockets are open, to people, to the --info-file, and to a holder.
func (h *handover) announce() (err error) {
	first := len(h.sockets) - h.opened
	for i, s := range h.sockets[first:] {
		h.printer.socket(s, listenfds.Start+first+i)
	}
	if h.flags.InfoFile != "" {
		if h.undo, err = writeInfo(h.printer.out, h.flags.InfoFile, socketsJSON(h.sockets, listenfds.Start)); err != nil {
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
	fds := make([]int, len(h.sockets))
	for i, s := range h.sockets {
		fds[i] = s.FD
	}
	flagged := fds
	if h.shared {
		flagged = fds[len(fds)-h.opened:]
	}
	if err := handoff.SetNonblock(flagged, h.flags.Nonblock); err != nil {
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
	closeAll(h.sockets[len(h.sockets)-h.opened:])
}

// keep gives the sockets to a holder for as long as the process lives that COMMAND will be: to the one that has them,
// since it knows who else uses them, or where there is none, to one of this run.
func (h *handover) keep() (err error) {
	if h.holder != "" && h.opened == 0 {
		if _, err = holder.Status(h.holder); err == nil {
			_, _, err = holder.Claim(h.holder, os.Getpid(), specsOf(h.sockets), socket.Options{})
		}
		if err == nil {
			return nil
		}
	}
	if h.holder, err = holder.Private(); err != nil {
		return err
	}
	return holder.Keep(h.holder, os.Getpid(), h.sockets, h.opened)
}

// describe returns sockets as the protocol says them; their specifications only where all have one.
func describe(sockets []socket.Socket) listenfds.Set {
	set := listenfds.Set{First: listenfds.Start, Count: len(sockets)}
	for _, s := range sockets {
		set.Names = append(set.Names, s.Name)
		set.Specs = append(set.Specs, s.Spec.String())
	}
	if slices.ContainsFunc(sockets, func(s socket.Socket) bool { return s.Spec.Type == "" }) {
		set.Specs = nil
	}
	return set
}

// listenPID returns what LISTEN_PID says, 0 for nothing, and prints the launcher's hint.
func (h *handover) listenPID(command []string) int {
	l := launcherOf(command)
	if l != nil && len(h.sockets) > 0 {
		if hint := l.hint(h.flags.typed(), command, h.holder != "", h.flags.Pid != nil); hint != "" {
			h.printer.hint(hint)
		}
	}
	if h.flags.Pid == nil && l != nil || h.flags.Pid != nil && !*h.flags.Pid {
		return 0
	}
	return os.Getpid()
}
