package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// statusFlags are the flags of systemfd status.
type statusFlags struct {
	JSON bool `name:"json" help:"print the same as JSON"`
	Help bool `short:"h" help:"print this help"`
}

const statusHelp = `systemfd status lists the sockets that are kept open for you: for whom, since when,
how many connections wait in the queue, who uses them, and what is broken.

Usage: systemfd status [--json]

Flags:
`

// keptInfo is a socket that is kept open, as JSON.
type keptInfo struct {
	socketInfo
	Owners    []processInfo `json:"owners"`
	Users     []processInfo `json:"users"`
	Since     time.Time     `json:"since"`
	Waiting   *int          `json:"waiting,omitempty"` // connections; absent if the system does not tell
	Damage    string        `json:"damage,omitempty"`
	Directory string        `json:"directory"` // in which the holder was started
	Holder    holderInfo    `json:"holder"`
}

// holderInfo is a holder as JSON, by the name that systemfd stop takes.
type holderInfo struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
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
	states, warnings, err := holder.States()
	p.warn(warnings...)
	switch {
	case err != nil:
		return err
	case flags.JSON:
		text, err := statesJSON(states)
		p.answer(text)
		return err
	}
	p.answer(statesText(states, p.colorsOut()))
	return nil
}

func statesJSON(states []holder.State) (string, error) {
	infos := []keptInfo{}
	for _, state := range states {
		for _, kept := range state.Sockets {
			info := keptInfo{
				socketInfo: infoOf(socketOf(kept.Opening)),
				Owners:     infosOf(kept.Owners), Users: infosOf(kept.Users), Since: kept.Since, Damage: kept.Damage,
				Directory: state.Directory, Holder: holderInfo{state.Name(), state.PID},
			}
			if kept.Waiting >= 0 {
				info.Waiting = &kept.Waiting
			}
			infos = append(infos, info)
		}
	}
	text, err := json.Marshal(map[string]any{"sockets": infos})
	return string(text), err
}

func socketOf(o spec.Opening) socket.Socket { return socket.Socket{Name: o.FDName(), Opening: o} }

// columns is the smallest width of a terminal.
const columns = 80

// statesText has a block per holder, and in it a line per socket. Long lines go on below the address.
func statesText(states []holder.State, color bool) string {
	var blocks []string
	for _, state := range states {
		if len(state.Sockets) > 0 {
			blocks = append(blocks, strings.Join(stateLines(state, color), "\n"))
		}
	}
	if len(blocks) == 0 {
		return "nothing is kept open"
	}
	return strings.Join(blocks, "\n\n")
}

func stateLines(state holder.State, color bool) []string {
	where := printable(tilde(state.Directory))
	if state.IsNamed {
		where = state.Name() + " in " + where
	}
	lines, widest := []string{fmt.Sprintf("%s (pid %d)", paint(color, cyan, where), state.PID)}, 0
	for _, kept := range state.Sockets {
		widest = max(widest, min(utf8.RuneCountInString(printable(kept.Opening.FDName())), columns/4))
	}
	for _, kept := range state.Sockets {
		name := printable(kept.Opening.FDName())
		for i, line := range wrap(keptItems(kept), columns-widest-4) {
			if i > 0 {
				name = ""
			}
			lines = append(lines, "  "+paint(color, green, name)+strings.Repeat(" ", max(widest-utf8.RuneCountInString(name), 0)+2)+line)
		}
		if kept.Damage != "" {
			lines = append(lines, strings.Repeat(" ", widest+4)+paint(color, yellow, kept.Damage))
		}
	}
	return lines
}

// keptItems is the line of a socket, item by item, its address first.
func keptItems(kept holder.Kept) []string {
	address := kept.Opening.Display()
	if kept.Opening.Path != "" {
		address = tilde(kept.Opening.Path)
	}
	items := []string{printable(address), "open " + age(time.Since(kept.Since))}
	if kept.Waiting >= 0 {
		items = append(items, fmt.Sprintf("%d waiting", kept.Waiting))
	}
	return append(append(items, by("for ", kept.Owners)...), by("used by ", kept.Users)...)
}

// by is an item per process, with words before the first.
func by(words string, processes []process.Process) (items []string) {
	for _, p := range processes {
		items = append(items, words+escaped(p.String()))
		words = ""
	}
	return items
}

// wrap puts items on lines: two spaces follow the first, commas the others. An item stays whole, however long it is.
func wrap(items []string, width int) (lines []string) {
	line, separator := items[0], "  "
	for _, item := range items[1:] {
		if utf8.RuneCountInString(line+separator+item+",") > width {
			lines = append(lines, strings.TrimRight(line+separator, " "))
			line = item
		} else {
			line += separator + item
		}
		separator = ", "
	}
	return append(lines, line)
}

// tilde writes ~ for the home directory.
func tilde(path string) string {
	home := os.Getenv("HOME")
	rest, isBelow := strings.CutPrefix(path, home)
	if home == "" || home == "/" || !isBelow || rest != "" && rest[0] != '/' {
		return path
	}
	return "~" + rest
}

// age is a time in its largest unit.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(d, 0)/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}
