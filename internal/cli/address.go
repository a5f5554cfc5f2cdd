package cli

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/shell"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/takeover"
)

// addressFlags are the arguments of systemfd url and systemfd port.
type addressFlags struct {
	Name string `arg:"" optional:"" complete:"socket" help:"the name of a socket [the first that has one]"`
	Help bool   `short:"h" help:"print this help"`
}

const urlHelp = `systemfd url prints the URL of a socket, for curl, tests and editors. It looks at the
sockets that this process was given, or else at those that are kept open for this
directory.

Usage: curl "$(systemfd url [NAME])"

Flags:
`

const portHelp = `systemfd port prints the port of a socket. It looks at the sockets that this process
was given, or else at those that are kept open for this directory.

Usage: PORT=$(systemfd port [NAME])

Flags:
`

// url is systemfd url.
func url(p *printer, args []string) error { return address(p, args, urlHelp, "URL", reachableURL) }

// port is systemfd port.
func port(p *printer, args []string) error {
	return address(p, args, portHelp, "port", func(o spec.Opening) string {
		if o.Port() == 0 {
			return ""
		}
		return fmt.Sprint(o.Port())
	})
}

// address prints the URL or the port of a socket; get returns "" if it has none.
func address(p *printer, args []string, help, what string, get func(spec.Opening) string) error {
	var flags addressFlags
	if err := parseFlags(&flags, args); err != nil {
		return err
	}
	if flags.Help {
		p.flagHelp(help, &flags)
		return nil
	}
	openings, err := openingsHere()
	if err != nil {
		return err
	}
	var names []string
	var called []spec.Opening
	for _, o := range openings {
		names = append(names, o.FDName())
		if flags.Name == "" || o.FDName() == flags.Name {
			called = append(called, o)
		}
	}
	for _, o := range called {
		if text := get(o); text != "" {
			p.answer(text)
			return nil
		}
	}
	switch {
	case len(openings) == 0:
		return &failure{"no sockets were given to this process, and none are kept open for this directory", "open some: " + envLine([]string{"-s", "http::3000"}, "", false)}
	case len(called) == 0:
		return &failure{fmt.Sprintf("no socket is called %q", flags.Name), "the names are: " + strings.Join(names, ", ")}
	case flags.Name != "":
		return &failure{fmt.Sprintf("%q has no %s: it is %s", flags.Name, what, called[0].Display()), reachHint(called[0])}
	}
	return &failure{fmt.Sprintf("no socket has a %s", what), reachHint(called[0])}
}

// openingsHere returns the sockets of this environment, or else those of the holder of this directory.
func openingsHere() ([]spec.Opening, error) {
	set, err := listenfds.Parse(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	if set.Sockets != "" {
		openings, err := spec.ParseOpenings(set.Sockets)
		if err != nil {
			return nil, &listenfds.Error{Variable: listenfds.Sockets, Value: set.Sockets, Problem: err.Error()}
		}
		return openings, nil
	}
	sockets, _, err := takeover.Inherit(set)
	if err != nil {
		return nil, err
	}
	var openings []spec.Opening
	for _, s := range sockets {
		openings = append(openings, s.Opening)
	}
	if set.Count > 0 || set.NoHolder {
		return openings, nil
	}
	here, err := holder.Named("")
	if err != nil {
		return nil, err
	}
	state, err := here.Status()
	if err != nil || !here.IsHere(state) {
		return nil, nil
	}
	for _, kept := range state.Sockets {
		openings = append(openings, kept.Opening)
	}
	return openings, nil
}

// reachableURL is the URL by which a client on this host reaches a socket. A client cannot connect to "every address".
func reachableURL(o spec.Opening) string {
	if o.Addr.Addr().IsUnspecified() {
		host := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if o.V6Only.Value {
			host = netip.IPv6Loopback()
		}
		o.Addr = netip.AddrPortFrom(host, o.Port())
	}
	return o.URL()
}

// reachHint is another way to reach a socket.
func reachHint(o spec.Opening) string {
	switch {
	case o.IsAbstract():
		return "curl --abstract-unix-socket " + shell.Quote(strings.TrimPrefix(o.Path, "@")) + " http://localhost/"
	case o.Path != "":
		return "curl --unix-socket " + shell.Quote(o.Path) + " http://localhost/"
	case o.Type.Transport() == spec.Stream:
		return fmt.Sprintf("systemfd port prints its port; opened as http::%s it has a URL", o.Address())
	}
	return "systemfd port prints its port"
}
