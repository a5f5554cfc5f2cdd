package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// statusFlags are the flags of systemfd status.
type statusFlags struct {
	JSON bool `name:"json" help:"print the same as JSON"`
	Help bool `short:"h" help:"print this help"`
}

const statusHelp = `systemfd status tells what is held for you: which sockets, for whom, since when, how many
connections wait in the queue, and who uses them.

Usage: systemfd status [--json]

Flags:
`

// heldInfo is a held socket as JSON.
type heldInfo struct {
	socketInfo
	Owners  []holder.Process `json:"owners"`
	Users   []holder.Process `json:"users"`
	Since   time.Time        `json:"since"`
	Waiting int              `json:"waiting"` // connections; -1 where the system does not tell
	Folder  string           `json:"folder"`
	Holder  int              `json:"holder"` // process ID
}

// status is systemfd status: all holders of this user.
func status(p *printer, args []string) error {
	var flags statusFlags
	if err := parseFlags(&flags, args); err != nil {
		return err
	}
	if flags.Help {
		p.flagHelp(statusHelp, &flags)
		return nil
	}
	states, err := states()
	if err != nil {
		return err
	}
	infos := []heldInfo{}
	for _, state := range states {
		for i, held := range state.Sockets {
			s, err := spec.Parse(held.Spec)
			if err != nil {
				return err
			}
			info := infoOf(socket.Socket{FD: listenfds.Start + i, Name: s.FDName(), Spec: s})
			infos = append(infos, heldInfo{info, held.Owners, held.Users, held.Since, held.Waiting, state.Folder, state.PID})
		}
	}
	if flags.JSON {
		text, err := json.Marshal(map[string]any{"sockets": infos})
		p.answer(string(text))
		return err
	}
	return printHeld(p.out, infos)
}

// states asks every holder; one that has ended meanwhile holds nothing.
func states() ([]holder.State, error) {
	controls, err := holder.Controls()
	if err != nil {
		return nil, err
	}
	var states []holder.State
	for _, control := range controls {
		state, err := holder.Status(control)
		if errors.Is(err, holder.ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		states = append(states, state)
	}
	return states, nil
}

func printHeld(w io.Writer, infos []heldInfo) error {
	if len(infos) == 0 {
		_, err := io.WriteString(w, "nothing is held\n")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tADDRESS\tOWNER\tSINCE\tWAITING\tUSED BY\tFOLDER")
	for _, info := range infos {
		waiting := "-"
		if info.Waiting >= 0 {
			waiting = fmt.Sprint(info.Waiting)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", info.Name, printable(info.Address), processes(info.Owners), ago(info.Since), waiting, processes(info.Users), printable(info.Folder))
	}
	return table.Flush()
}

func processes(list []holder.Process) string {
	if len(list) == 0 {
		return "-"
	}
	var names []string
	for _, process := range list {
		names = append(names, process.String())
	}
	return strings.Join(names, ", ")
}

func ago(since time.Time) string { return time.Since(since).Round(time.Second).String() + " ago" }
