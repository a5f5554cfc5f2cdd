package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/listenfds"
)

// stopFlags are the arguments of systemfd stop.
type stopFlags struct {
	Name []string `arg:"" optional:"" complete:"holder" help:"a holder by its --name [that of this folder]"`
	All  bool     `help:"let go of everything that is held for you"`
	Help bool     `short:"h" help:"print this help"`
}

const stopHelp = `systemfd stop lets go of the sockets that are held for this folder, or by holders of these names.

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
	controls, err := controlsOf(flags.Name)
	if err != nil {
		return err
	}
	for i, control := range controls {
		err := holder.Stop(control)
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

// controlsOf returns the control sockets of names; without, the one of this shell, or else of this folder.
func controlsOf(names []string) ([]string, error) {
	if control := os.Getenv(listenfds.Holder); control != "" && len(names) == 0 {
		return []string{control}, nil
	}
	if len(names) == 0 {
		names = []string{""}
	}
	var controls []string
	for _, name := range names {
		control, err := holder.Control(name)
		if err != nil {
			return nil, err
		}
		controls = append(controls, control)
	}
	return controls, nil
}

func stopAll() error {
	controls, err := holder.Controls()
	if err != nil {
		return err
	}
	var errs []error
	for _, control := range controls {
		if err := holder.Stop(control); !errors.Is(err, holder.ErrGone) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
