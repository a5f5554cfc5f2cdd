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

// checkProxy refuses flags that say what COMMAND does with descriptors, since below --proxy it gets none.
func (f *runFlags) checkProxy() error {
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
			return superfluous("--proxy and --"+other.name+" do not go together", "below --proxy COMMAND gets a port, and no socket", other.name)
		}
	}
	return nil
}

// pickPorts picks a private port for each socket, and puts them into the arguments of COMMAND.
func (h *handover) pickPorts(specs []spec.Spec) (ports []int, err error) {
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.FDName()
	}
	wanted := proxy.Names(h.argv)
	for _, name := range wanted {
		if name != "" && !slices.Contains(names, name) {
			return nil, &usageError{fmt.Sprintf("{port:%s}: no socket is called %q", name, name), "the names are: " + strings.Join(names, ", ")}
		}
	}
	if ports, err = proxy.FreePorts(len(specs)); err != nil {
		return nil, err
	}
	if len(wanted) == 0 {
		h.printer.hint("no {port} in the command: it has to listen on the port that PORT says")
	}
	h.argv = proxy.Fill(h.argv, func(name string) string { return strconv.Itoa(ports[max(slices.Index(names, name), 0)]) })
	return ports, nil
}

// proxy stays in front of COMMAND until that has ended, and ends as it did.
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
