package listenfds

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/quick"
)

// env returns a getenv for a list of NAME=VALUE.
func env(environ ...string) func(string) string {
	return func(name string) string {
		for _, variable := range environ {
			if value, ok := strings.CutPrefix(variable, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	none := Set{First: 3}
	tests := map[string]struct {
		environ []string
		want    Set
	}{
		"absent":               {nil, none},
		"empty":                {[]string{"LISTEN_FDS="}, none},
		"absent, with others":  {[]string{"LISTEN_FDNAMES=a", "LISTEN_FDS_FIRST_FD=x"}, none},
		"held alone":           {[]string{"SYSTEMFD_SOCKETS=3000", "SYSTEMFD_HOLDER=/h"}, Set{First: 3, Specs: []string{"3000"}, Holder: "/h"}},
		"passed and held":      {[]string{"LISTEN_FDS=1", "SYSTEMFD_HOLDER=/h"}, Set{First: 3, Count: 1, Holder: "/h"}},
		"zero":                 {[]string{"LISTEN_FDS=0"}, none},
		"one":                  {[]string{"LISTEN_FDS=1"}, Set{First: 3, Count: 1}},
		"two":                  {[]string{"LISTEN_FDS=2"}, Set{First: 3, Count: 2}},
		"most":                 {[]string{"LISTEN_FDS=2147483647"}, Set{First: 3, Count: 2147483647}},
		"pid is not looked at": {[]string{"LISTEN_FDS=1", "LISTEN_PID=1", "LISTEN_PIDFDID=7"}, Set{First: 3, Count: 1}},
		"first":                {[]string{"LISTEN_FDS=1", "LISTEN_FDS_FIRST_FD=10"}, Set{First: 10, Count: 1}},
		"first empty":          {[]string{"LISTEN_FDS=1", "LISTEN_FDS_FIRST_FD="}, Set{First: 3, Count: 1}},
		"one name":             {[]string{"LISTEN_FDS=1", "LISTEN_FDNAMES=http"}, Set{First: 3, Count: 1, Names: []string{"http"}}},
		"names":                {[]string{"LISTEN_FDS=2", "LISTEN_FDNAMES=a b:ä/"}, Set{First: 3, Count: 2, Names: []string{"a b", "ä/"}}},
		"empty names":          {[]string{"LISTEN_FDS=2", "LISTEN_FDNAMES=:"}, Set{First: 3, Count: 2, Names: []string{"", ""}}},
		"empty list of names":  {[]string{"LISTEN_FDS=1", "LISTEN_FDNAMES="}, Set{First: 3, Count: 1}},
		"too few names":        {[]string{"LISTEN_FDS=2", "LISTEN_FDNAMES=a"}, Set{First: 3, Count: 2}},
		"too many names":       {[]string{"LISTEN_FDS=1", "LISTEN_FDNAMES=a:b"}, Set{First: 3, Count: 1}},
		"specs": {
			[]string{"LISTEN_FDS=2", "SYSTEMFD_SOCKETS=http::3000,a=unix::/x"},
			Set{First: 3, Count: 2, Specs: []string{"http::3000", "a=unix::/x"}},
		},
		"encoded specs": {
			[]string{"LISTEN_FDS=2", "SYSTEMFD_SOCKETS=unix::/a%2Cb%25%20c,tcp::%5b::1%5D:80"},
			Set{First: 3, Count: 2, Specs: []string{"unix::/a,b% c", "tcp::[::1]:80"}},
		},
		"badly encoded specs": {
			[]string{"LISTEN_FDS=1", "SYSTEMFD_SOCKETS=%,%4,%zz,a%+1b,%%41"},
			Set{First: 3, Count: 1, Specs: []string{"%", "%4", "%zz", "a%+1b", "%A"}},
		},
		"another number of specs": {
			[]string{"LISTEN_FDS=1", "SYSTEMFD_SOCKETS=a,,b"},
			Set{First: 3, Count: 1, Specs: []string{"a", "", "b"}},
		},
	}
	for name, test := range tests {
		got, err := Parse(env(test.environ...))
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: Parse(%q) = %#v, %v; want %#v", name, test.environ, got, err, test.want)
		}
	}
}

func TestParseBad(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"x", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1,2", "2147483648", "99999999999999999999"} {
		for variable, environ := range map[string][]string{
			"LISTEN_FDS":          {"LISTEN_FDS=" + value},
			"LISTEN_FDS_FIRST_FD": {"LISTEN_FDS=1", "LISTEN_FDS_FIRST_FD=" + value},
		} {
			set, err := Parse(env(environ...))
			var bad *Error
			if !errors.As(err, &bad) {
				t.Errorf("Parse(%q) = %+v, %v; want an *Error", environ, set, err)
				continue
			}
			if want := (Error{variable, value, "not a number of descriptors"}); *bad != want {
				t.Errorf("Parse(%q): %+v, want %+v", environ, *bad, want)
			}
			if want := "unset " + variable; !strings.HasPrefix(bad.Hint(), want) {
				t.Errorf("Parse(%q): hint %q, want %q", environ, bad.Hint(), want)
			}
		}
	}
	_, err := Parse(env("LISTEN_FDS=-1"))
	if got, want := err.Error(), `LISTEN_FDS is "-1": not a number of descriptors`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestEnviron(t *testing.T) {
	t.Parallel()
	stale := []string{
		"LISTEN_FDS=9", "LISTEN_PID=9", "LISTEN_PIDFDID=9", "LISTEN_FDNAMES=i:j", "LISTEN_FDS_FIRST_FD=9",
		"SYSTEMFD_SOCKETS=9", "SYSTEMFD_HOLDER=/h", "LISTEN_FDS=8", "LISTEN_FDS",
	}
	others := []string{"B=2", "A=1=1", "LISTEN_FDSX=1", "XLISTEN_FDS=1", "listen_fds=1", "B=3", "EMPTY=", "ODD", "=C:=C:"}
	mixed := slices.Concat(others[:3], stale, others[3:])

	tests := map[string]struct {
		set  Set
		want []string
	}{
		"none": {Set{First: 3, PID: 7, Specs: []string{}, Holder: "/run/h"}, nil},
		"one": {
			Set{First: 3, Count: 1, Names: []string{"http"}, Specs: []string{"http::127.0.0.1:80"}, PID: 7},
			[]string{"LISTEN_FDS=1", "LISTEN_PID=7", "LISTEN_FDNAMES=http", "LISTEN_FDS_FIRST_FD=3", "SYSTEMFD_SOCKETS=http::127.0.0.1:80"},
		},
		"without pid": {
			Set{First: 3, Count: 2, Names: []string{"a", "b"}, Specs: []string{"tcp::[::]:1", "b=unix::/x y,z"}},
			[]string{"LISTEN_FDS=2", "LISTEN_FDNAMES=a:b", "LISTEN_FDS_FIRST_FD=3", "SYSTEMFD_SOCKETS=tcp::%5B::%5D:1,b=unix::/x%20y%2Cz"},
		},
		"held": {
			Set{First: 3, Count: 1, Names: []string{"tcp"}, Specs: []string{"tcp::1"}, PID: 7, Holder: "/run/h"},
			[]string{"LISTEN_FDS=1", "LISTEN_PID=7", "LISTEN_FDNAMES=tcp", "LISTEN_FDS_FIRST_FD=3", "SYSTEMFD_SOCKETS=tcp::1", "SYSTEMFD_HOLDER=/run/h"},
		},
		"without specs": {
			Set{First: 10, Count: 1, Names: []string{"unknown"}, PID: 7},
			[]string{"LISTEN_FDS=1", "LISTEN_PID=7", "LISTEN_FDNAMES=unknown", "LISTEN_FDS_FIRST_FD=10"},
		},
	}
	for name, test := range tests {
		before := slices.Clone(mixed)
		got := Environ(mixed, test.set)
		if want := slices.Concat(others, test.want); !slices.Equal(got, want) {
			t.Errorf("%s: Environ gives %q, want %q", name, got, want)
		}
		if !slices.Equal(mixed, before) {
			t.Fatalf("%s: Environ changed its argument", name)
		}
	}
}

// TestRoundTrip: what Environ writes, Parse reads, whatever bytes a path has.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	survives := func(specs [][]byte) bool {
		set := Set{First: 3, Count: 1, Names: []string{"first"}, Specs: []string{"unix::/x"}}
		for _, text := range specs {
			set.Count++
			set.Names = append(set.Names, "")
			set.Specs = append(set.Specs, string(text))
		}
		got, err := Parse(env(Environ(nil, set)...))
		return err == nil && reflect.DeepEqual(got, set)
	}
	if err := quick.Check(survives, nil); err != nil {
		t.Error(err)
	}
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	if !survives([][]byte{every, []byte("%"), []byte("%41"), []byte(","), nil}) {
		t.Error("some byte does not survive")
	}
}

// TestAlphabet: no byte of SYSTEMFD_SOCKETS needs quotes in a shell, and none is one of a list's own.
func TestAlphabet(t *testing.T) {
	t.Parallel()
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~/:@+=-"
	for i := range 256 {
		text := string([]byte{byte(i)})
		got := Encode([]string{text})
		if strings.Contains(allowed, text) {
			if got != text {
				t.Errorf("%q is encoded as %q, and need not be", text, got)
			}
		} else if len(got) != 3 || got[0] != '%' || strings.Trim(got[1:], "0123456789ABCDEF") != "" {
			t.Errorf("%q is encoded as %q", text, got)
		}
	}
	if i := strings.IndexAny(plain+"%,", " \t\n\r\\\"'`$&|;<>()[]{}*?!#^"); i >= 0 {
		t.Errorf("a shell interprets %q", (plain + "%,")[i])
	}
}
