package proxy

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
)

// The private ports of servers. They are below the range from which systems pick ports for clients: a port in that range could be taken
// between our check and the server's bind(2).
const (
	firstPort = 20000
	ports     = 32768 - firstPort
	looks     = 1000 // at a port, to find a free one
)

// FreePorts picks different ports that are free on 127.0.0.1 and ::1.
func FreePorts(count int) ([]int, error) {
	picked := []int{}
	isPicked := map[int]bool{}
	for range looks + count {
		port := firstPort + rand.IntN(ports)
		if len(picked) == count {
			return picked, nil
		}
		if !isPicked[port] && isFree("127.0.0.1", port) && (isFree("::1", port) || !isFree("::1", 0)) {
			picked, isPicked[port] = append(picked, port), true
		}
	}
	return nil, fmt.Errorf("no free port from %d to %d for the server", firstPort, firstPort+ports-1)
}

// isFree reports whether an address can be bound; port 0 tells whether the host has it.
func isFree(host string, port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// Names returns the NAMEs of {port:NAME} in argv, "" for {port}.
func Names(argv []string) (names []string) {
	Fill(argv, func(name string) string {
		names = append(names, name)
		return ""
	})
	return names
}

// Fill puts ports into argv in place of {port} and {port:NAME}: what port returns for the NAME, "" for {port}.
func Fill(argv []string, port func(name string) string) []string {
	filled := make([]string, len(argv))
	for i, arg := range argv {
		filled[i] = fill(arg, port)
	}
	return filled
}

func fill(arg string, port func(name string) string) string {
	const open = "{port"
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(arg, open)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, rest, isClosed := strings.Cut(after, "}")
		switch {
		case isClosed && name == "":
			b.WriteString(port(""))
		case isClosed && len(name) > 1 && name[0] == ':':
			b.WriteString(port(name[1:]))
		default: // braces of the command itself
			b.WriteString(open)
			rest = after
		}
		arg = rest
	}
}
