package cli

import (
	"slices"

	"github.com/systemfd/systemfd/internal/launcher"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/takeover"
)

// proxyHint is what to type if COMMAND is known to take no socket; "" if it is not, or if --proxy is no way out.
func (h *handover) proxyHint() string {
	isNoStream := func(s takeover.Socket) bool { return s.Type.Transport() != spec.Stream }
	if h.flags.Inetd || slices.ContainsFunc(h.sockets, isNoStream) {
		return ""
	}
	args := slices.DeleteFunc(slices.Clone(h.args), func(arg string) bool {
		return slices.Contains([]string{"--lazy", "--nonblock", "--pid", "--no-pid"}, arg) // of no sense below --proxy
	})
	return h.way.ProxyHint(launcher.Outer{Args: append(args, "--proxy")})
}
