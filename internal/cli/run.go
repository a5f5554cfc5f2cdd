package cli

import (
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
	Socket    []string `short:"s" sep:"none" placeholder:"SPEC" help:"open a socket; repeatable, in the order of the descriptors"`
	Append    bool     `help:"add the sockets to the inherited or held ones"`
	Backlog   int      `short:"b" placeholder:"N" default:"4096" help:"listen queue, in connections [4096]; the system may cap it"`
	NoReuse   bool     `help:"do not set SO_REUSEADDR on TCP sockets"`
	ReusePort bool     `help:"set SO_REUSEPORT on TCP and UDP sockets"`
	Pid       *bool    `negatable:"" help:"set LISTEN_PID always, or never\n[set, but not for launchers known to change the pid]"`
	Nonblock  bool     `help:"pass the descriptors with O_NONBLOCK set"`
	Hold      bool     `help:"keep the sockets in a holder too, for as long as COMMAND lives"`
	InfoFile  string   `placeholder:"PATH" help:"write the sockets as JSON once they are bound; - is stdout"`
	Quiet     bool     `short:"q" help:"print errors alone"`
	Color     string   `placeholder:"WHEN" default:"auto" enum:"auto,always,never" help:"colour on stderr: auto, always or never [auto]"`
	Help      bool     `short:"h" help:"print this help"`
	Version   bool     `short:"V" help:"print the version"`
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
		return &usageError{"no command", `put "--" before it: systemfd -s http::5000 -- ./server`}
	case len(command) == 0:
		return &usageError{`no command after "--"`, "systemfd -s http::5000 -- ./server"}
	case flags.Backlog < 1:
		return &usageError{"--backlog takes a number of connections, 1 or more", ""}
	}

	specs, err := parseSpecs(flags.Socket)
	if err != nil {
		return err
	}
	file, err := handoff.LookPath(command[0])
	if err != nil {
		return err
	}
	taken, err := findTakeover(p, &flags)
	if err != nil {
		return err
	}
	environ, err := handoff.Reserve(os.Environ(), taken.count()+len(specs))
	if err != nil {
		return err
	}
	sockets, shared, err := taken.sockets(p)
	if err != nil {
		return err
	}
	opened, err := open(specs, &flags)
	if err != nil {
		return err
	}
	defer closeAll(opened) // where COMMAND does not run
	h := handover{flags: &flags, sockets: append(sockets, opened...), opened: len(opened), shared: shared, holder: taken.holder}
	return h.exec(p, file, command, environ)
}

// parseSpecs reads every -s before anything is opened.
func parseSpecs(texts []string) ([]spec.Spec, error) {
	var specs []spec.Spec
	for _, text := range texts {
		s, err := spec.Parse(text)
		if err == nil {
			err = socket.Check(s)
		}
		if err != nil {
			return nil, err
		}
		specs = append(specs, s)
	}
	return specs, nil
}

// open opens all of specs, or none.
func open(specs []spec.Spec, flags *runFlags) ([]socket.Socket, error) {
	options := socket.Options{Backlog: flags.Backlog, NoReuse: flags.NoReuse, ReusePort: flags.ReusePort}
	var sockets []socket.Socket
	for _, s := range specs {
		opened, err := socket.Open(s, options)
		if err != nil {
			closeAll(sockets)
			return nil, err
		}
		sockets = append(sockets, opened)
	}
	return sockets, nil
}

func closeAll(sockets []socket.Socket) {
	for _, s := range sockets {
		s.Close()
	}
}

// handover is what COMMAND gets.
type handover struct {
	flags   *runFlags
	sockets []socket.Socket
	opened  int    // the last of sockets, opened by us
	shared  bool   // the others are in use: their O_NONBLOCK is somebody else's
	holder  string // control socket, "" without one
}

// exec tells what is passed, puts it in place and becomes COMMAND.
func (h *handover) exec(p *printer, file string, command, environ []string) error {
	first := len(h.sockets) - h.opened
	for i, s := range h.sockets[first:] {
		p.socket(s, listenfds.Start+first+i)
	}
	if h.flags.InfoFile != "" {
		undo, err := writeInfo(p.out, h.flags.InfoFile, socketsJSON(h.sockets, listenfds.Start))
		if err != nil {
			return err
		}
		defer undo()
	}
	if h.flags.Hold && len(h.sockets) > 0 {
		if err := h.keep(); err != nil {
			return err
		}
	}
	set := describe(h.sockets)
	set.PID, set.Holder = h.listenPID(p, command), h.holder
	environ = listenfds.Environ(environ, set)

	fds := make([]int, len(h.sockets))
	for i, s := range h.sockets {
		fds[i] = s.FD
	}
	flagged := fds
	if h.shared {
		flagged = fds[first:]
	}
	if err := handoff.SetNonblock(flagged, h.flags.Nonblock); err != nil {
		return err
	}
	if err := handoff.Place(fds); err != nil {
		return err
	}
	return handoff.Exec(file, command, environ)
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
func (h *handover) listenPID(p *printer, command []string) int {
	l := launcherOf(command)
	if l != nil && len(h.sockets) > 0 {
		if hint := l.hint(command, h.holder != "", h.flags.Pid != nil); hint != "" {
			p.hint(hint)
		}
	}
	if h.flags.Pid == nil && l != nil || h.flags.Pid != nil && !*h.flags.Pid {
		return 0
	}
	return os.Getpid()
}
