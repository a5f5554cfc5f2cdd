package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/takeover"
)

// inspectFlags are the flags of systemfd inspect.
type inspectFlags struct {
	JSON bool `name:"json" help:"print the same as JSON"`
	Help bool `short:"h" help:"print this help"`
}

const inspectHelp = `systemfd inspect tells what this process was given by the socket-activation
protocol, and whether a reader that checks everything, as sd_listen_fds(3) does,
would take it, and a server could use it: if not, why, and exit status 1.

Usage: systemfd -s http::3000 -- systemfd inspect [--json]

Flags:
`

// givenInfo is a passed descriptor as JSON.
type givenInfo struct {
	passedInfo
	Kind      string `json:"kind"`
	Open      bool   `json:"open"`
	Listening bool   `json:"listening"`
	Nonblock  bool   `json:"nonblock"`
	CloseExec bool   `json:"cloexec"`
}

// inspect is systemfd inspect.
func inspect(p *printer, args []string) error {
	var flags inspectFlags
	if err := parseFlags(&flags, args); err != nil {
		return err
	}
	if flags.Help {
		p.flagHelp(inspectHelp, &flags)
		return nil
	}
	set, err := listenfds.Parse(os.LookupEnv)
	if err != nil {
		return err
	}
	given, strict, damages := lookAt(set)
	refusals := append(strict, damages...)
	if flags.JSON {
		text, err := json.Marshal(map[string]any{"sockets": given, "accepted": len(refusals) == 0, "refusals": refusals})
		if err != nil {
			return err
		}
		p.answer(string(text))
	} else if err := printGiven(p.out, given); err != nil {
		return err
	}
	if len(refusals) == 0 {
		return nil
	}
	problem := "a strict reader would refuse: "
	if len(strict) == 0 {
		problem = "no server could use what is there: "
	}
	hint := "systemfd right before the program gives it sockets of its own: systemfd -- systemfd inspect"
	if set.Count == 0 && set.Holder == "" && len(given) == 0 {
		hint = "systemfd -s http::3000 -- systemfd inspect"
	}
	return &failure{problem + strings.Join(refusals, "; "), hint}
}

// lookAt describes what this process was given, and says why a strict reader would refuse it, and what no server could use.
func lookAt(set listenfds.Set) (given []givenInfo, strict, damages []string) {
	if !handoff.PassesDescriptors {
		given, strict = givenBy(set)
		return given, strict, nil
	}
	given, strict = givenTo(set)
	return given, append(strict, protocolRefusals(set)...), damagesOf(set, given)
}

// connection is the name of what Accept=yes of systemd.socket(5), and --accept, pass: no listener.
const connection = "connection"

// damagesOf says which descriptors no server could use: no sockets, ones that do not listen, and ones that a server before
// has broken.
func damagesOf(set listenfds.Set, given []givenInfo) (damages []string) {
	described, isStale, _ := takeover.Inherit(set)
	isDescribed := described != nil && !isStale && set.Sockets != ""
	for i, g := range given {
		is, damage := socket.DescribeInherited(g.FD), ""
		if isDescribed {
			damage = described[i].Damage()
		}
		switch {
		case !is.Open, is.Connected && g.Name == connection:
		case damage != "":
			damages = append(damages, fmt.Sprintf("descriptor %d, %s: %s", g.FD, described[i].Address(), damage))
		case !is.Ready:
			damages = append(damages, fmt.Sprintf("descriptor %d is %s", g.FD, is.Text))
		}
	}
	return damages
}

// givenTo describes the descriptors of set up to the first that is closed, and says what is wrong with them.
func givenTo(set listenfds.Set) (given []givenInfo, refusals []string) {
	given, refusals = []givenInfo{}, []string{} // in JSON, no null
	if set.Count == 0 {
		refusals = append(refusals, listenfds.FDs+" is not set")
	}
	described, _, _ := takeover.Inherit(set)
	for i := range set.Count {
		fd := set.First + i
		is := socket.DescribeInherited(fd)
		s := socket.Socket{FD: fd, Name: nameOf(set, i), Opening: spec.Opening{Spec: is.Spec}}
		if described != nil {
			s = described[i]
		}
		given = append(given, givenInfo{passedInfo{fd, infoOf(s)}, is.Text, is.Open, is.Listening, is.Nonblock, is.CloseOnExec})
		if !is.Open {
			return given, append(refusals, fmt.Sprintf("descriptor %d is closed", fd))
		}
	}
	return given, refusals
}

// protocolRefusals is why sd_listen_fds_with_names(3) would return nothing or an error, beside the descriptors.
func protocolRefusals(set listenfds.Set) []string {
	var refusals []string
	pid := os.Getenv(listenfds.PID)
	switch {
	case pid == "":
		refusals = append(refusals, listenfds.PID+" is not set")
	case pid != strconv.Itoa(os.Getpid()):
		refusals = append(refusals, fmt.Sprintf("%s is %s, this is process %d%s", listenfds.PID, pid, os.Getpid(), startedBy(pid)))
	}
	if id, own := os.Getenv(listenfds.PIDFDID), process.PIDFDID(); id != "" && own != "" && id != own {
		refusals = append(refusals, fmt.Sprintf("%s is %s, which is another process", listenfds.PIDFDID, id))
	}
	if set.First != listenfds.Start {
		refusals = append(refusals, fmt.Sprintf("the descriptors start at %d, not at %d", set.First, listenfds.Start))
	}
	if names, ok := os.LookupEnv(listenfds.FDNames); ok && strings.Count(names, ":")+1 != set.Count {
		refusals = append(refusals, fmt.Sprintf("%s is %d, but %s has %d names", listenfds.FDs, set.Count, listenfds.FDNames, strings.Count(names, ":")+1))
	}
	return refusals
}

// startedBy names the launcher that has the process ID, "" if it has not started this process.
func startedBy(pid string) string {
	if n, err := strconv.Atoi(pid); err == nil && process.IsAncestor(n) {
		return fmt.Sprintf(", which %s has started", process.Name(n))
	}
	return ""
}

func nameOf(set listenfds.Set, i int) string {
	if set.Names == nil {
		return listenfds.Unknown
	}
	return set.Names[i]
}

func printGiven(w io.Writer, given []givenInfo) error {
	if len(given) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "FD\tNAME\tWHAT\tLISTENING\tBLOCKING\tCLOSE-ON-EXEC")
	for _, g := range given {
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\n", g.FD, g.Name, printable(g.Kind), yesNo(g.Listening), g.blocking(), yesNo(g.CloseExec))
	}
	return table.Flush()
}

// blocking says so of what is open.
func (g givenInfo) blocking() string {
	if !g.Open {
		return "-"
	}
	return yesNo(!g.Nonblock)
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
