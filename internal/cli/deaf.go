package cli

import (
	"slices"

	"github.com/systemfd/systemfd/internal/launcher"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/takeover"
)

// proxyHint says what to type if COMMAND is known to take no socket; "" if it is not known, or if --proxy does not help.
func (h *handover) proxyHint() string {
	isNoStream := func(s takeover.Socket) bool { return s.Type.Transport() != spec.Stream }
	if h.flags.Inetd || slices.ContainsFunc(h.sockets, isNoStream) {
		return ""
	}
	args := slices.DeleteFunc(slices.Clone(h.args), func(arg string) bool {
		return slices.Contains([]string{"--lazy", "--nonblock", "--pid", "--no-pid"}, arg) // they make no sense with --proxy
	})
	return h.way.ProxyHint(launcher.Outer{Args: append(args, "--proxy")})
}
