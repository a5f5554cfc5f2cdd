package process

import (
	"slices"
	"testing"
)

// TestListed reads what ps says on several systems, as seen by a process 30 that the shell 20 has started.
func TestListed(t *testing.T) {
	t.Parallel()
	const text = `    2     0 ?        [kthreadd]
   10     9 ??       /usr/libexec/logind --flag
   12    12 -        [defunct] <defunct>
   20    20 pts/0    -zsh
   25    20 pts/0    -zsh
   30    20 pts/0    systemfd completion --for pid
   31    20 pts/0    ps -U 0
   40    40 v0       fish

  bad
`
	var got []Listed
	for _, l := range listed(text, 30) {
		l.Name = ""
		got = append(got, l)
	}
	want := []Listed{{Process{PID: 10}, ""}, {Process{PID: 20}, "pts/0"}, {Process{PID: 40}, "v0"}}
	if !slices.Equal(got, want) {
		t.Errorf("listed are %v, want %v", got, want)
	}
}
