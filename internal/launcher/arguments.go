package launcher

import "strings"

// This file reads the arguments of other programs, in the way of getopt_long(3). A list of flags has no dashes, and blanks between
// the flags.

// isFlag reports whether an argument is one, or chooses a toolchain of cargo's.
func isFlag(arg string) bool { return strings.HasPrefix(arg, "-") || strings.HasPrefix(arg, "+") }

// isAssignment reports whether an argument is NAME=VALUE.
func isAssignment(arg string) bool {
	name, _, ok := strings.Cut(arg, "=")
	return ok && name != "" && !strings.ContainsAny(name, "/.-")
}

// hasFlag reports whether an argument is one of these flags, or has one of them in a row of letters. A letter that takes a value ends
// the row.
func hasFlag(arg, flags, values string) bool {
	if !isFlag(arg) || arg == "--" {
		return false
	}
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	if arg == "-" {
		name = arg
	}
	if has(flags, name) || strings.HasPrefix(arg, "--") {
		return has(flags, name)
	}
	for i := range name {
		if has(flags, name[i:i+1]) {
			return true
		}
		if has(values, name[i:i+1]) {
			return false
		}
	}
	return false
}

// span returns how many arguments belong together: a flag, and its value if that is the next argument.
func span(arg, values string) int {
	name := strings.TrimLeft(arg, "-")
	switch {
	case !isFlag(arg):
		return 1
	case has(values, name):
		return 2
	case strings.HasPrefix(arg, "--"):
		return 1
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return has(values, string(r)) }); i >= 0 && i == len(name)-1 {
		return 2
	}
	return 1
}

// has reports whether a word is in a list.
func has(list, word string) bool {
	for list != "" {
		var first string
		if first, list, _ = strings.Cut(list, " "); first == word {
			return true
		}
	}
	return false
}
