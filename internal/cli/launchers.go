package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// launcher is a program that starts the server under another process ID, so that LISTEN_PID with its own
// would make every reader refuse.
type launcher struct {
	name   string // base name of COMMAND
	word   string // an argument that makes it one; "" where it always is
	closes bool   // descriptors from 3 on do not reach the server
	nested string // the form that works for every reader: systemfd again, right before the server
}

// launchers was measured with each program.
var launchers = []launcher{
	{"air", "", false, `air --build.full_bin "systemfd -- ./tmp/main"`},
	{"bun", "--watch", false, `bun --watch is none that Bun's server can use; see the README`},
	{"cargo", "watch", false, `cargo watch -x build -s "systemfd -- target/debug/app"`},
}

func launcherOf(command []string) *launcher {
	name := filepath.Base(command[0])
	for i, l := range launchers {
		if l.name == name && (l.word == "" || slices.Contains(command[1:], l.word)) {
			return &launchers[i]
		}
	}
	return nil
}

// nests reports whether command has a systemfd of its own in it.
func nests(command []string) bool {
	return slices.ContainsFunc(command[1:], func(arg string) bool {
		for word := range strings.FieldsSeq(arg) {
			if filepath.Base(word) == "systemfd" {
				return true
			}
		}
		return false
	})
}

func (l *launcher) hint() string {
	return fmt.Sprintf("%s %s", l.name, l.nested)
}
