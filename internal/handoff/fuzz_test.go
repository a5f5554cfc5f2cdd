package handoff

import (
	"slices"
	"strings"
	"testing"
)

// FuzzRewriteFlags: descriptors that move are named by their new numbers, also after they have moved back. Closed descriptors are not
// named. The other options of make stay.
func FuzzRewriteFlags(f *testing.F) {
	for _, test := range rewriteFlagsTests {
		f.Add(test.flags)
	}
	f.Fuzz(func(t *testing.T, flags string) {
		there, isThere := rewriteFlags(flags, kept)
		swap := func(fd int) (int, bool) { return fd ^ 1, true }
		moved, _ := rewriteFlags(flags, swap)
		back, _ := rewriteFlags(moved, swap)
		if back != there || !isThere {
			t.Errorf("%q moves to %q, and back to %q", flags, moved, back)
		}
		removed, _ := rewriteFlags(flags, gone)
		if again, _ := rewriteFlags(removed, gone); again != removed {
			t.Errorf("%q without its pipe is %q, and then %q", flags, removed, again)
		}
		if got, want := others(removed), others(flags); got != want {
			t.Errorf("%q keeps %q of %q", removed, got, want)
		}
	})
}

// others returns what stands in the options of make beside a jobserver.
func others(flags string) string {
	words := strings.Split(flags, " ")
	end := slices.Index(words, "--")
	if end < 0 {
		end = len(words)
	}
	return strings.Join(slices.Concat(withoutOptions(words[:end]), words[end:]), " ")
}
