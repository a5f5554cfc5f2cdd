//go:build unix

package socket

import (
	"fmt"
	"slices"
	"strings"

	"github.com/systemfd/systemfd/internal/spec"
)

// sockstatUsers are the options of FreeBSD's sockstat(1) for what may stand in the way of s: no head, whole addresses, and
// the state, which only TCP has.
func sockstatUsers(s spec.Spec) []string {
	switch {
	case s.Type.Family() == spec.Unix:
		return []string{"-lqwu"}
	case s.Type.Transport() == spec.Datagram:
		return []string{"-lqw46", "-P", "udp", "-p", fmt.Sprint(s.Port())}
	}
	return []string{"-lqws46", "-P", "tcp", "-p", fmt.Sprint(s.Port())}
}

// parseSockstat reads lines of columns: the user, the command, the process, its descriptor, the protocol, the address, that of
// the other end, the states. The program lists itself, too: it has what it was started with.
func parseSockstat(text string) (all []listed) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		at := sockstatProtocol(fields)
		if at < 4 || fields[1] == "sockstat" {
			continue
		}
		l := listed{pid: listedNumber(fields[at-2]), fd: listedNumber(fields[at-1])}
		if l.bound = sockstatBound(fields[at], fields[at+1:]); l.bound.Type != "" {
			all = append(all, l)
		}
	}
	return all
}

// sockstatProtocol returns the column of the protocol, behind two numbers. A command may have spaces in its name, or be
// called as a protocol.
func sockstatProtocol(fields []string) int {
	for i := len(fields) - 2; i >= 4; i-- {
		isProtocol := strings.HasPrefix(fields[i], "tcp") || strings.HasPrefix(fields[i], "udp") || isSockstatUnix(fields[i])
		if isProtocol && listedNumber(fields[i-1]) >= 0 && listedNumber(fields[i-2]) > 0 {
			return i
		}
	}
	return -1
}

// isSockstatUnix reports whether that is how a unix socket carries data: FreeBSD 15 shortens seqpacket.
func isSockstatUnix(protocol string) bool {
	return protocol == "stream" || protocol == "dgram" || strings.HasPrefix(protocol, "seqpac")
}

// sockstatBound reads the columns behind the protocol: "*:3000 *:* LISTEN". tcp46 is one socket for both families, tcp6 only for
// IPv6. Behind a path FreeBSD 15 says who is connected: "??" if nobody is.
func sockstatBound(protocol string, columns []string) (o spec.Opening) {
	addr, isAddr := parseListed(columns[0], strings.HasSuffix(protocol, "6"))
	o.V6Only.Value = strings.HasSuffix(protocol, "6") && !strings.HasSuffix(protocol, "46")
	switch {
	case isSockstatUnix(protocol):
		if end := slices.IndexFunc(columns, func(c string) bool { return c == "??" || c == "<-" }); end > 0 {
			columns = columns[:end]
		}
		if strings.HasPrefix(columns[0], "/") {
			o.Type, o.Path = spec.TypeOf(spec.Unix, spec.Stream), strings.Join(columns, " ")
		}
	case strings.HasPrefix(protocol, "udp") && isAddr:
		o.Type, o.Addr = spec.TypeOf(spec.Inet, spec.Datagram), addr
	case isAddr && columns[len(columns)-1] == "LISTEN":
		o.Type, o.Addr = spec.TypeOf(spec.Inet, spec.Stream), addr
	}
	return o
}
