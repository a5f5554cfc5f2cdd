//go:build unix

package socket

import (
	"fmt"
	"strings"

	"github.com/systemfd/systemfd/internal/spec"
)

// lsofOptions have lsof(8) look up no names, be silent of what it may not see, and print the fields that parseLsof reads.
var lsofOptions = []string{"-nPw", "-FpftdPnT"}

// lsofUsers are further options, for what may stand in the way of s.
func lsofUsers(s spec.Spec) []string {
	switch {
	case s.Type.Family() == spec.Unix:
		return []string{"-U"}
	case s.Type.Transport() == spec.Datagram:
		return []string{fmt.Sprintf("-iUDP:%d", s.Port())}
	}
	return []string{fmt.Sprintf("-iTCP:%d", s.Port()), "-sTCP:LISTEN"}
}

// lsofSet has the fields of a socket, by their letters.
type lsofSet map[byte]string

// parseLsof reads lines of a letter and a value. "p" begins a process, "f" a file that it has open. Of "T", which comes several
// times, it takes the state.
func parseLsof(text string) (all []listed) {
	var pid string
	var sets []lsofSet
	for line := range strings.Lines(text) {
		letter, value := line[0], strings.TrimSuffix(line[1:], "\n")
		switch {
		case letter == 'p':
			pid = value
		case letter == 'f':
			sets = append(sets, lsofSet{'p': pid, 'f': value})
		case len(sets) > 0 && (letter != 'T' || strings.HasPrefix(value, "ST=")):
			sets[len(sets)-1][letter] = value
		}
	}
	for _, set := range sets {
		if pid := listedNumber(set['p']); pid > 0 {
			all = append(all, listed{pid, listedNumber(set['f']), set['d'], set.bound()})
		}
	}
	return all
}

// bound tells what the socket is bound to. On Linux the connections of a listener have its path, and the type is behind it.
func (set lsofSet) bound() (o spec.Opening) {
	path, _, _ := strings.Cut(set['n'], " type=")
	addr, isAddr := parseListed(set['n'], set['t'] == "IPv6")
	switch {
	case set['t'] == "unix" && strings.HasPrefix(path, "/") && set['T'] != "ST=CONNECTED":
		o.Type, o.Path = spec.TypeOf(spec.Unix, spec.Stream), path
	case set['P'] == "TCP" && isAddr:
		o.Type, o.Addr = spec.TypeOf(spec.Inet, spec.Stream), addr
	case set['P'] == "UDP" && isAddr:
		o.Type, o.Addr = spec.TypeOf(spec.Inet, spec.Datagram), addr
	}
	return o
}
