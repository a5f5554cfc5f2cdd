package cli

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// FuzzParseOpening: parseOpening agrees with kong, which reads every word. The words are divided by single blanks. Its seeds
// are in testdata.
func FuzzParseOpening(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		args := strings.Split(text, " ")
		if slices.Contains(args, "--") { // only the words before the first are for us
			return
		}
		var got, want runFlags
		err, wantErr := parseOpening(&got, &got.openFlags, &got.Quiet, args), parseFlags(&want, args)
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("%q: %v; kong says %v", args, err, wantErr)
		}
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is %+v; for kong it is %+v", args, got, want)
		}
	})
}

// TestTakePlain: the words of most lines are read without kong.
func TestTakePlain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args, sockets string
		quiet         bool
		rest          string
	}{
		{"", "", false, ""},
		{"-s 3000 --socket a=unix::/s -q", "3000 a=unix::/s", true, ""},
		{"--quiet -s 0", "0", true, ""},
		{"-s 1 --hold -s 2 -b 5 -s 3", "1 2 3", false, "--hold -b 5"},
		{"-s 1 -s", "1", false, "-s"},
		{"-s -q", "", true, "-s"},
		{"-s3000 -q", "", true, "-s3000"},
		{"-b -s 1 5", "", false, "-b -s 1 5"},
		{"-b -q -", "", false, "-b -q -"},
	} {
		sockets, quiet, rest := takePlain(strings.Fields(test.args))
		if got := strings.Join(sockets, " "); got != test.sockets || quiet != test.quiet || strings.Join(rest, " ") != test.rest {
			t.Errorf("%q: %q, %v, and %q for kong", test.args, got, quiet, rest)
		}
	}
	if _, _, rest := takePlain([]string{"-s", ""}); len(rest) != 2 {
		t.Errorf("an empty value: %q is for kong", rest)
	}
}
