package cli

import (
	"errors"
	"fmt"

	"github.com/systemfd/systemfd/internal/holder"
)

// stopFlags are the arguments of systemfd stop.
type stopFlags struct {
	Name []string `arg:"" optional:"" complete:"holder" help:"a holder by its --name [that of this folder]"`
	All  bool     `help:"close everything that is kept open for you"`
	Help bool     `short:"h" help:"print this help"`
}

const stopHelp = `systemfd stop closes the sockets that are kept open for this directory, or by holders of these
names.

Usage: systemfd stop [NAME...] [--all]

Flags:
`

// stop is systemfd stop.
func stop(p *printer, args []string) error {
	var flags stopFlags
	if err := parseFlags(&flags, args); err != nil {
		return err
	}
	if flags.Help {
		p.flagHelp(stopHelp, &flags)
		return nil
	}
	if flags.All {
		return stopAll()
	}
	clients, err := holdersOf(flags.Name)
	if err != nil {
		return err
	}
	for i, c := range clients {
		err := c.Stop()
		if errors.Is(err, holder.ErrGone) {
			what := "nothing is held for this folder"
			if len(flags.Name) > 0 {
				what = fmt.Sprintf("there is no holder %q", flags.Name[i])
			}
			return &failure{what, "systemfd status lists what is held"}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// holdersOf returns the holders of names; without, the one of this shell, or else of this folder.
func holdersOf(names []string) ([]holder.Client, error) {
	if len(names) == 0 {
		names = []string{""}
	}
	var clients []holder.Client
	for _, name := range names {
		c, err := keeperOf(name)
		if err != nil {
			return nil, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

func stopAll() error {
	clients, err := holder.All()
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range clients {
		if err := c.Stop(); !errors.Is(err, holder.ErrGone) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
