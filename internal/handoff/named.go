package handoff

import (
	"slices"
	"strconv"
	"strings"
)

// kind is the kind of a descriptor that a variable names.
type kind int

const (
	pipe       kind = iota // of a jobserver
	connection             // a stream socket that is connected
	file                   // anything but a socket
)

// row is a variable that names descriptors of one kind.
type row struct {
	name string
	kind
	rewrite func(value string, move mover) (rewritten string, isThere bool)
}

// named are the variables that name descriptors, by which a parent talks to the programs below it.
var named = [...]row{
	{"MAKEFLAGS", pipe, rewriteFlags}, // "POSIX Jobserver" in the manual of GNU make
	{"MFLAGS", pipe, rewriteFlags},
	{"CARGO_MAKEFLAGS", pipe, rewriteFlags},
	{"NODE_CHANNEL_FD", connection, rewriteNumber}, // child_process.fork of Node
	{"WAYLAND_SOCKET", connection, rewriteNumber},  // wl_display_connect(3)
	{"BASH_XTRACEFD", file, rewriteNumber},         // bash(1)
}

// mover returns the new number of a descriptor, or says that it is not there.
type mover func(fd int) (to int, isThere bool)

// rewriteNamed returns environ with new numbers, from move, for the descriptors that variables name. Descriptors that are not there
// are removed from the variables: otherwise a program would mistake our sockets for them.
func rewriteNamed(environ []string, move func(fd int, k kind) (to int, isThere bool)) []string {
	out := make([]string, 0, len(environ))
	for _, variable := range environ {
		name, value, isSet := strings.Cut(variable, "=")
		i := slices.IndexFunc(named[:], func(r row) bool { return r.name == name })
		if !isSet || i < 0 {
			out = append(out, variable)
			continue
		}
		value, isThere := named[i].rewrite(value, func(fd int) (int, bool) { return move(fd, named[i].kind) })
		if isThere {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// rewriteNumber is for a value that is a descriptor.
func rewriteNumber(value string, move mover) (rewritten string, isThere bool) {
	fd, err := strconv.Atoi(value)
	if err != nil || fd < 0 {
		return value, true
	}
	to, isThere := move(fd)
	return strconv.Itoa(to), isThere
}

// jobserverOptions name the two descriptors of a jobserver's pipe, the second up to make 4.1. Cargo writes both.
var jobserverOptions = []string{"--jobserver-auth=", "--jobserver-fds="}

// rewriteFlags is for the options of make. Make uses the last option that names a jobserver. If the pipe of that one is not there,
// make must not use an earlier one. The words after "--" are variables of make.
func rewriteFlags(flags string, move mover) (rewritten string, isThere bool) {
	words := strings.Split(flags, " ")
	var kept []string
	for i, word := range words {
		if word == "--" {
			kept = append(kept, words[i:]...)
			break
		}
		option, value, isOption := cutOption(word)
		to, isThere := value, true
		if isOption {
			to, isThere = rewritePipe(value, move)
		}
		switch {
		case isThere:
			kept = append(kept, option+to)
		case isLast(words[i+1:]):
			kept = withoutOptions(kept)
		}
	}
	return strings.Join(kept, " "), true
}

// rewritePipe is for R,W. Other values stay as they are: fifo:PATH, or what make writes for "no jobserver".
func rewritePipe(value string, move mover) (rewritten string, isThere bool) {
	left, right, _ := strings.Cut(value, ",")
	r, err := strconv.Atoi(left)
	w, err2 := strconv.Atoi(right)
	if err != nil || err2 != nil || r < 0 || w < 0 {
		return value, true
	}
	newR, hasR := move(r)
	newW, hasW := move(w)
	return strconv.Itoa(newR) + "," + strconv.Itoa(newW), hasR && hasW
}

// isLast reports whether none of the words that follow names a jobserver.
func isLast(following []string) bool {
	for _, word := range following {
		if _, _, isOption := cutOption(word); isOption {
			return false
		}
		if word == "--" {
			break
		}
	}
	return true
}

func withoutOptions(words []string) (rest []string) {
	for _, word := range words {
		if _, _, isOption := cutOption(word); !isOption {
			rest = append(rest, word)
		}
	}
	return rest
}

// cutOption splits a word into one of jobserverOptions and its value. In any other word, everything is the value.
func cutOption(word string) (option, value string, isOption bool) {
	for _, option := range jobserverOptions {
		if value, isOption := strings.CutPrefix(word, option); isOption {
			return option, value, true
		}
	}
	return "", word, false
}
