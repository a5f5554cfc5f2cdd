//go:build unix

package main

import (
	"regexp"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// TestColorOnTerminal has standard error on a terminal.
func TestColorOnTerminal(t *testing.T) {
	t.Parallel()
	const plain, colored = `(?m)^~> socket `, `(?m)^\x1b\[1;32m~>\x1b\[0m socket `
	tests := []struct{ variable, flag, want string }{
		{"NO_COLOR=", "--color=auto", colored},
		{"NO_COLOR=", "--color=never", plain},
		{"NO_COLOR=1", "--color=auto", plain},
		{"TERM=dumb", "--color=auto", plain},
	}
	for _, test := range tests {
		t.Run(test.variable+" "+test.flag, func(t *testing.T) {
			t.Parallel()
			s := testkit.NewProject(t).Terminal("env", "TERM=xterm", "NO_COLOR=", "CLICOLOR_FORCE=", test.variable,
				"systemfd", test.flag, "-s", "0", "--", "true")
			s.AwaitEnd()
			testkit.Await(t, "the line on the screen", func() bool {
				return regexp.MustCompile(test.want).MatchString(s.Screen())
			})
		})
	}
}
