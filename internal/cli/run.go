package cli

import (
	"os"

	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/inherit"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// runFlags are the flags of the main form, systemfd [flags] -- COMMAND.
type runFlags struct {
	Socket    []string `short:"s" sep:"none" placeholder:"SPEC" help:"open a socket; repeatable, in the order of the descriptors"`
	Append    bool     `help:"add the sockets to the inherited ones"`
	Backlog   int      `short:"b" placeholder:"N" default:"4096" help:"listen queue, in connections [4096]; the system may cap it"`
	NoReuse   bool     `help:"do not set SO_REUSEADDR on TCP sockets"`
	ReusePort bool     `help:"set SO_REUSEPORT on TCP and UDP sockets"`
	Pid       *bool    `negatable:"" help:"set LISTEN_PID always, or never\n[set, but not for launchers known to change the pid]"`
	Nonblock  bool     `help:"pass the descriptors with O_NONBLOCK set"`
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
	sockets, err := inherited(p, &flags)
	if err != nil {
		return err
	}
	environ, err := handoff.Reserve(os.Environ(), len(sockets)+len(specs))
	if err != nil {
		return err
	}
	opened, err := open(specs, &flags)
	if err != nil {
		return err
	}
	sockets = append(sockets, opened...)
	err = handOver(p, &flags, sockets, len(opened), file, command, environ)
	closeAll(opened)
	return err
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

// inherited returns the sockets that this process was started with and that COMMAND shall have.
func inherited(p *printer, flags *runFlags) ([]socket.Socket, error) {
	if len(flags.Socket) > 0 && !flags.Append {
		return nil, nil
	}
	set, err := listenfds.Parse(os.Getenv)
	if err != nil {
		return nil, err
	}
	sockets, stale, err := inherit.Take(set)
	switch {
	case err != nil:
		return nil, err
	case stale:
		p.warn("the sockets from descriptor %d on are not the ones of %s; they are passed as they are", set.First, listenfds.Sockets)
	case len(sockets) == 0 && len(flags.Socket) == 0:
		p.warn("no sockets to pass: there is no -s, and no LISTEN_FDS in the environment")
	}
	return sockets, nil
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

// handOver tells what is passed, puts it in place and becomes COMMAND.
func handOver(p *printer, flags *runFlags, sockets []socket.Socket, opened int, file string, command, environ []string) error {
	for i := len(sockets) - opened; i < len(sockets); i++ {
		p.socket(sockets[i], listenfds.Start+i)
	}
	if flags.InfoFile != "" {
		undo, err := writeInfo(p.out, flags.InfoFile, socketsJSON(sockets, listenfds.Start))
		if err != nil {
			return err
		}
		defer undo()
	}
	set := describe(sockets)
	set.PID = listenPID(p, flags, command, len(sockets))
	fds := make([]int, len(sockets))
	for i, s := range sockets {
		fds[i] = s.FD
	}
	environ = listenfds.Environ(environ, set)
	if err := handoff.Place(fds, flags.Nonblock); err != nil {
		return err
	}
	return handoff.Exec(file, command, environ)
}

// describe returns sockets as the protocol says them; their specifications only where all have one.
func describe(sockets []socket.Socket) listenfds.Set {
	set := listenfds.Set{First: listenfds.Start, Count: len(sockets)}
	for _, s := range sockets {
		set.Names = append(set.Names, s.Name)
		set.Specs = append(set.Specs, s.Spec.String())
	}
	for _, s := range sockets {
		if s.Spec.Type == "" {
			set.Specs = nil
		}
	}
	return set
}

// listenPID returns what LISTEN_PID says, 0 for nothing, and prints the launcher's hint.
func listenPID(p *printer, flags *runFlags, command []string, sockets int) int {
	launcher := launcherOf(command)
	if launcher != nil && sockets > 0 && flags.Pid == nil && !nests(command) {
		p.hint(launcher.hint())
	}
	if flags.Pid == nil && launcher != nil || flags.Pid != nil && !*flags.Pid {
		return 0
	}
	return os.Getpid()
}
