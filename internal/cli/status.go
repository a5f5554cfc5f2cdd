package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
)

// statusFlags are the flags of systemfd status.
type statusFlags struct {
	JSON bool `name:"json" help:"print the same as JSON"`
	Help bool `short:"h" help:"print this help"`
}

const statusHelp = `systemfd status tells what is kept open for you: which sockets, for whom, since when, how many
connections wait in the queue, and who uses them.

Usage: systemfd status [--json]

Flags:
`

// heldInfo is a kept socket as JSON.
type heldInfo struct {
	socketInfo
	Owners  []processInfo `json:"owners"`
	Users   []processInfo `json:"users"`
	Since   time.Time     `json:"since"`
	Waiting int           `json:"waiting"` // connections; -1 if the system does not tell
	Folder  string        `json:"folder"`
	Holder  int           `json:"holder"` // process ID
}

// processInfo is a process as JSON.
type processInfo struct {
	PID  int    `json:"pid"`
	Name string `json:"name,omitempty"`
}

func infosOf(processes []process.Process) []processInfo {
	infos := []processInfo{}
	for _, p := range processes {
		infos = append(infos, processInfo(p))
	}
	return infos
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
	states, err := states(p)
	if err != nil {
		return err
	}
	infos := []heldInfo{}
	for _, state := range states {
		for i, kept := range state.Sockets {
			info := infoOf(socket.Socket{FD: listenfds.Start + i, Name: kept.Opening.FDName(), Opening: kept.Opening})
			infos = append(infos, heldInfo{info, infosOf(kept.Owners), infosOf(kept.Users), kept.Since, kept.Waiting, state.Directory, state.PID})
		}
	}
	if flags.JSON {
		text, err := json.Marshal(map[string]any{"sockets": infos})
		p.answer(string(text))
		return err
	}
	return printHeld(p.out, infos)
}

// states asks every holder, and warns of those that do not answer.
func states(p *printer) ([]holder.State, error) {
	states, warnings, err := holder.States()
	p.warn(warnings...)
	return states, err
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

func processes(list []processInfo) string {
	if len(list) == 0 {
		return "-"
	}
	var names []string
	for _, p := range list {
		names = append(names, escaped(process.Process(p).String()))
	}
	return strings.Join(names, ", ")
}

func ago(since time.Time) string { return time.Since(since).Round(time.Second).String() + " ago" }
