package handoff

import (
	"strconv"
	"strings"
)

// makeVariables carry GNU make's options to programs below it, "POSIX Jobserver" in its manual.
var makeVariables = []string{"MAKEFLAGS", "CARGO_MAKEFLAGS", "MFLAGS"}

// jobserverOptions name the two descriptors of the jobserver's pipe, the second up to make 4.1.
var jobserverOptions = []string{"--jobserver-auth=", "--jobserver-fds="}

// rewriteJobserver returns environ with each jobserver pipe R,W replaced by what move says. Where
// move says no, the pipe is not there, and the options that name one are taken out.
func rewriteJobserver(environ []string, move func(r, w int) (int, int, bool)) []string {
	var out []string
	for i, variable := range environ {
		name, flags, _ := strings.Cut(variable, "=")
		if !isMakeVariable(name) {
			continue
		}
		if rewritten := rewriteFlags(flags, move); rewritten != flags {
			if out == nil {
				out = append(out, environ...)
			}
			out[i] = name + "=" + rewritten
		}
	}
	if out == nil {
		return environ
	}
	return out
}

func isMakeVariable(name string) bool {
	for _, v := range makeVariables {
		if v == name {
			return true
		}
	}
	return false
}

// rewriteFlags is rewriteJobserver for one value. The last option counts; behind a lone "--" stand
// variables of make's.
func rewriteFlags(flags string, move func(r, w int) (int, int, bool)) string {
	words := strings.Split(flags, " ")
	last, r, w := -1, 0, 0
	for i, word := range words {
		if word == "--" {
			break
		}
		if _, pipe, ok := cutOption(word); ok {
			last = i
			r, w = parsePipe(pipe)
		}
	}
	if last < 0 || r < 0 || w < 0 { // none, or fifo:PATH, or make's own "no jobserver"
		return flags
	}
	newR, newW, ok := move(r, w)
	if ok {
		if newR == r && newW == w {
			return flags
		}
		option, _, _ := cutOption(words[last])
		words[last] = option + strconv.Itoa(newR) + "," + strconv.Itoa(newW)
		return strings.Join(words, " ")
	}
	kept := words[:0]
	for i, word := range words {
		if _, _, ok := cutOption(word); !ok || i > last {
			kept = append(kept, word)
		}
	}
	return strings.Join(kept, " ")
}

func cutOption(word string) (option, pipe string, ok bool) {
	for _, option := range jobserverOptions {
		if pipe, ok := strings.CutPrefix(word, option); ok {
			return option, pipe, true
		}
	}
	return "", "", false
}

// parsePipe reads R,W; -1 if it is something else.
func parsePipe(text string) (r, w int) {
	left, right, _ := strings.Cut(text, ",")
	r, err := strconv.Atoi(left)
	w, err2 := strconv.Atoi(right)
	if err != nil || err2 != nil {
		return -1, -1
	}
	return r, w
}
