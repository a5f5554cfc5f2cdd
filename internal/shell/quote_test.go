package shell

import "testing"

func TestJoin(t *testing.T) {
	t.Parallel()
	for want, words := range map[string][]string{
		"systemfd -s http::3000 -- ls": {"systemfd", "-s", "http::3000", "--", "ls"},
		"'a b' '' '$HOME' 'ä'":         {"a b", "", "$HOME", "ä"},
		`'/it'\''s'`:                   {"/it's"},
		"'*' '~'":                      {"*", "~"},
	} {
		if got := Join(words); got != want {
			t.Errorf("Join(%q) = %s, want %s", words, got, want)
		}
	}
}
