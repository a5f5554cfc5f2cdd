package cli

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/systemfd/systemfd/internal/child"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/proxy"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/takeover"
)

// checkProxy refuses flags about the descriptors of COMMAND, because with --proxy it gets none.
func (f *runFlags) checkProxy() error {
	var given []string
	for _, other := range []struct {
		name    string
		isGiven bool
	}{
		{"accept", f.Accept},
		{"lazy", f.Lazy},
		{"inetd", f.Inetd},
		{"nonblock", f.Nonblock},
		{"pid", f.Pid != nil},
	} {
		if f.Proxy && other.isGiven {
			given = append(given, other.name)
		}
	}
	if given == nil {
		return nil
	}
	return superfluous("--proxy and --"+given[0]+" do not go together", "below --proxy COMMAND gets a port, and no socket", given...)
}

func fdNames(specs []spec.Spec) (names []string) {
	for _, s := range specs {
		names = append(names, s.FDName())
	}
	return names
}

// checkPorts refuses a {port:NAME} that is none of these.
func (h *handover) checkPorts(names []string) error {
	for _, name := range proxy.Names(h.argv) {
		if name != "" && !slices.Contains(names, name) {
			return &usageError{fmt.Sprintf("{port:%s}: no socket is called %q", name, name), "the names are: " + strings.Join(names, ", ")}
		}
	}
	return nil
}

// pickPorts picks a private port for each socket, and puts the ports into the arguments of COMMAND. The sockets are open already, so
// none of their ports is picked.
func (h *handover) pickPorts() (err error) {
	var names []string
	for _, s := range h.sockets {
		names = append(names, s.Name)
	}
	if err = h.checkPorts(names); err != nil { // a socket was stopped
		return err
	}
	if h.ports, err = proxy.FreePorts(len(h.sockets)); err != nil {
		return err
	}
	if len(proxy.Names(h.argv)) == 0 {
		h.printer.hint("no {port} in the command: it has to listen on the port in PORT")
	}
	h.argv = proxy.Fill(h.argv, func(name string) string { return strconv.Itoa(h.ports[max(slices.Index(names, name), 0)]) })
	return nil
}

// proxy stays in front of COMMAND until COMMAND ends, and ends in the same way.
func (h *handover) proxy(signals chan os.Signal) error {
	sockets := takeover.Sockets(h.sockets)
	environ := listenfds.Environ(h.environ, listenfds.Set{Sockets: takeover.Describe(sockets).Sockets, NoHolder: true})
	environ = slices.DeleteFunc(environ, func(v string) bool { return strings.HasPrefix(v, "PORT=") })
	service := proxy.Service{
		Command: child.Command{
			File: h.file, Argv: h.argv, Environ: append(environ, fmt.Sprintf("PORT=%d", h.ports[0])),
			Files: []uintptr{0, 1, 2}, DiesWithUs: true,
		},
		Ready: h.ready, CleanUp: h.cleanUp, Warn: func(err error) { h.printer.warn(err.Error()) },
	}
	for i, s := range sockets {
		service.Fronts = append(service.Fronts, proxy.Front{Socket: s, Port: h.ports[i]})
	}
	end, killedBy, err := proxy.Serve(service, signals)
	if err != nil {
		return err
	}
	if killedBy != nil {
		child.DieOf(killedBy)
	}
	end.End()
	return nil
}
