package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/shell"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// stopFlags are the arguments of systemfd stop.
type stopFlags struct {
	Name []string `arg:"" optional:"" complete:"holder" help:"the name of a holder, or else the name, port or address of a\nsocket of this directory [all of this directory]"`
	All  bool     `help:"close everything that is kept open for you"`
	Help bool     `short:"h" help:"print this help"`
}

const stopHelp = `systemfd stop closes sockets that are kept open: all of this directory, or those
of NAME. NAME is what systemfd status shows: the name of a holder, or else the
name, the port or the address of a socket of this directory.

Usage: systemfd stop [NAME...]
       systemfd stop --all

Flags:
`

// stop is systemfd stop.
func stop(p *printer, args []string) error {
	var flags stopFlags
	if err := parseFlags(&flags, args); err != nil {
		return err
	}
	switch {
	case flags.Help:
		p.flagHelp(stopHelp, &flags)
		return nil
	case flags.All && len(flags.Name) > 0:
		return &usageError{"--all closes everything, and takes no names", "systemfd stop " + shell.Join(flags.Name)}
	case flags.All:
		return stopAll(p)
	case len(flags.Name) == 0:
		return stopHere(p)
	}
	return stopNamed(p, flags.Name)
}

// stopHere closes what is kept for this shell, or else for this directory.
func stopHere(p *printer) error {
	here, err := keeperOf("")
	if err != nil {
		return err
	}
	err = closeKept(p, here, nil)
	if errors.Is(err, holder.ErrGone) {
		return &failure{"nothing is kept open for this directory", "systemfd status lists what is kept open"}
	}
	return err
}

func stopAll(p *printer) error {
	clients, err := holder.All()
	if err != nil {
		return err
	}
	return closeEach(p, clients, nil)
}

// closeEach is closeKept of several holders. A holder that has ended meanwhile has closed its sockets itself.
func closeEach(p *printer, clients []holder.Client, openings []spec.Opening) error {
	var errs []error
	for _, c := range clients {
		if err := closeKept(p, c, openings); !errors.Is(err, holder.ErrGone) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// stopNamed closes nothing if one of the names is unknown.
func stopNamed(p *printer, names []string) error {
	var holders []holder.Client
	var openings []spec.Opening
	var here holder.Client
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		c, err := holderCalled(name)
		switch {
		case err != nil:
			return err
		case c != nil:
			holders = append(holders, c)
			continue
		}
		var called []spec.Opening
		if here, called, err = socketsCalled(name); err != nil {
			return err
		}
		if len(called) == 0 {
			return &failure{fmt.Sprintf("nothing is kept open as %q", name), "systemfd status lists names and addresses"}
		}
		openings = append(openings, called...)
	}
	var err error
	if len(openings) > 0 {
		err = closeEach(p, []holder.Client{here}, openings)
	}
	return errors.Join(err, closeEach(p, holders, nil))
}

// holderCalled returns the running holder of that name, nil if there is none.
func holderCalled(name string) (holder.Client, error) {
	c, err := holder.Named(name)
	if err != nil { // it cannot be the name of a holder
		return nil, nil
	}
	if _, err = c.Status(); errors.Is(err, holder.ErrGone) {
		return nil, nil
	}
	return c, err
}

// socketsCalled returns the holder of this shell, or else of this directory, and its sockets of that name. The name is the one in the
// holder or in this shell. If no socket has the name, it is taken as a port or an address.
func socketsCalled(name string) (here holder.Client, openings []spec.Opening, err error) {
	if here, err = keeperOf(""); err != nil {
		return nil, nil, err
	}
	state, err := here.Status()
	if err != nil && !errors.Is(err, holder.ErrGone) {
		return nil, nil, err
	}
	ours, _ := spec.ParseOpenings(os.Getenv(listenfds.Sockets))
	isNamed := func(o spec.Opening) bool {
		return o.FDName() == name || slices.ContainsFunc(ours, func(our spec.Opening) bool { return our.FDName() == name && our.SameSocket(o.Spec) })
	}
	for _, is := range []func(spec.Opening) bool{isNamed, func(o spec.Opening) bool { return isAt(o, name) }} {
		for _, kept := range state.Sockets {
			if is(kept.Opening) {
				openings = append(openings, kept.Opening)
			}
		}
		if openings != nil {
			break
		}
	}
	return here, openings, nil
}

// isAt reports whether a socket has that port or address.
func isAt(o spec.Opening, address string) bool {
	if slices.Contains([]string{o.Address(), o.URL()}, address) || o.Port() != 0 && address == strconv.Itoa(int(o.Port())) {
		return true
	}
	parsed, err := spec.Parse(address)
	if err != nil {
		return false
	}
	wanted, err := socket.Resolve(spec.Opening{Spec: parsed})
	return err == nil && (o.SameSocket(wanted.Spec) || wanted.Path != "" && o.Path == socket.Absolute(wanted.Path))
}

// closeKept makes a holder close openings, or everything, and says what was closed.
func closeKept(p *printer, c holder.Client, openings []spec.Opening) error {
	closed, err := c.Stop(openings)
	if err != nil {
		return err
	}
	for _, kept := range closed {
		text := "closed " + kept.Opening.Display()
		if len(kept.Users) > 0 {
			text += "; still in use by " + process.Join(kept.Users)
		}
		p.say(text)
	}
	if _, err := c.Status(); errors.Is(err, holder.ErrGone) && os.Getenv(listenfds.Holder) == c.Control() {
		p.hint("unset the variables of this shell: " + envLine([]string{"--unset"}, "", false))
	}
	return nil
}
