package listenfds

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// env returns a lookup for a list of NAME=VALUE.
func env(environ ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, variable := range environ {
			if value, ok := strings.CutPrefix(variable, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}
}

var parseTests = map[string]struct {
	environ []string
	want    Set
}{
	"absent":               {nil, Set{First: 3}},
	"empty":                {[]string{"LISTEN_FDS="}, Set{First: 3}},
	"absent, with others":  {[]string{"LISTEN_FDNAMES=a", "LISTEN_FDS_FIRST_FD=x"}, Set{First: 3}},
	"only held":            {[]string{"SYSTEMFD_SOCKETS=3000", "SYSTEMFD_HOLDER=/h"}, Set{First: 3, Sockets: "3000", Holder: "/h"}},
	"no holder wanted":     {[]string{"SYSTEMFD_HOLDER="}, Set{First: 3, NoHolder: true}},
	"passed and held":      {[]string{"LISTEN_FDS=1", "SYSTEMFD_HOLDER=/h"}, Set{First: 3, Count: 1, Holder: "/h"}},
	"zero":                 {[]string{"LISTEN_FDS=0"}, Set{First: 3}},
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
	"sockets": {
		[]string{"LISTEN_FDS=2", "SYSTEMFD_SOCKETS=http::3000,a=unix::/x%20~mode=0600"},
		Set{First: 3, Count: 2, Sockets: "http::3000,a=unix::/x%20~mode=0600"},
	},
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, test := range parseTests {
		got, err := Parse(env(test.environ...))
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: Parse(%q) = %#v, %v; want %#v", name, test.environ, got, err, test.want)
		}
	}
}

func TestParseBad(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"x", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1,2", "2147483648", "99999999999999999999"} {
		checkBad(t, "LISTEN_FDS", value, "LISTEN_FDS="+value)
		checkBad(t, "LISTEN_FDS_FIRST_FD", value, "LISTEN_FDS=1", "LISTEN_FDS_FIRST_FD="+value)
	}
}

// checkBad has Parse refuse environ for the value of variable, which is no number.
func checkBad(t *testing.T, variable, value string, environ ...string) {
	t.Helper()
	set, err := Parse(env(environ...))
	var bad *Error
	if !errors.As(err, &bad) {
		t.Errorf("Parse(%q) = %+v, %v; want an *Error", environ, set, err)
		return
	}
	if want := (Error{variable, value, "not a number of descriptors"}); *bad != want {
		t.Errorf("Parse(%q): %+v, want %+v", environ, *bad, want)
	}
	if want := "unset " + variable; !strings.HasPrefix(bad.Hint(), want) {
		t.Errorf("Parse(%q): hint %q, want %q", environ, bad.Hint(), want)
	}
}

func TestParseStandardStream(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"0", "1", "2"} {
		set, err := Parse(env("LISTEN_FDS=1", "LISTEN_FDS_FIRST_FD="+first))
		if err == nil || err.Error() != `LISTEN_FDS_FIRST_FD is "`+first+`": the standard streams are no passed descriptors` {
			t.Errorf("first %s: %+v, %v", first, set, err)
		}
	}
}

// TestParseBesideBad: a right variable is read, even if others are wrong.
func TestParseBesideBad(t *testing.T) {
	t.Parallel()
	set, err := Parse(env("LISTEN_FDS=-1", "SYSTEMFD_HOLDER="))
	if !set.NoHolder {
		t.Errorf("beside what is wrong: %+v", set)
	}
	if want := `LISTEN_FDS is "-1": not a number of descriptors`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// What Environ gets: stale are all variables of the protocol, others are those of somebody else.
var (
	stale = []string{
		"LISTEN_FDS=9", "LISTEN_PID=9", "LISTEN_PIDFDID=9", "LISTEN_FDNAMES=i:j", "LISTEN_FDS_FIRST_FD=9",
		"SYSTEMFD_SOCKETS=9", "SYSTEMFD_HOLDER=/h", "LISTEN_FDS=8", "LISTEN_FDS",
	}
	others = []string{"B=2", "A=1=1", "LISTEN_FDSX=1", "XLISTEN_FDS=1", "listen_fds=1", "B=3", "EMPTY=", "ODD", "=C:=C:"}
)

var environTests = map[string]struct {
	set  Set
	want []string
}{
	"none": {Set{First: 3, PID: 7, Sockets: "tcp::1", Holder: "/run/h"}, []string{"SYSTEMFD_SOCKETS=tcp::1"}},
	"one": {
		Set{First: 3, Count: 1, Names: []string{"http"}, Sockets: "http::127.0.0.1:80", PID: 7},
		[]string{"SYSTEMFD_SOCKETS=http::127.0.0.1:80", "LISTEN_FDS=1", "LISTEN_FDNAMES=http", "LISTEN_PID=7", "LISTEN_FDS_FIRST_FD=3"},
	},
	"without pid": {
		Set{First: 3, Count: 2, Names: []string{"a", "b"}, Sockets: "tcp::1,b=unix::/x"},
		[]string{"SYSTEMFD_SOCKETS=tcp::1,b=unix::/x", "LISTEN_FDS=2", "LISTEN_FDNAMES=a:b", "LISTEN_FDS_FIRST_FD=3"},
	},
	"held": {
		Set{First: 3, Count: 1, Names: []string{"tcp"}, Sockets: "tcp::1", PID: 7, Holder: "/run/h"},
		[]string{"SYSTEMFD_HOLDER=/run/h", "SYSTEMFD_SOCKETS=tcp::1", "LISTEN_FDS=1", "LISTEN_FDNAMES=tcp", "LISTEN_PID=7", "LISTEN_FDS_FIRST_FD=3"},
	},
	"not described": {
		Set{First: 10, Count: 1, Names: []string{"unknown"}, PID: 7},
		[]string{"LISTEN_FDS=1", "LISTEN_FDNAMES=unknown", "LISTEN_PID=7", "LISTEN_FDS_FIRST_FD=10"},
	},
	"no holder wanted": {Set{First: 3, NoHolder: true}, []string{"SYSTEMFD_HOLDER="}},
	"no holder wanted, one": {
		Set{First: 3, Count: 1, Names: []string{"a"}, NoHolder: true},
		[]string{"SYSTEMFD_HOLDER=", "LISTEN_FDS=1", "LISTEN_FDNAMES=a", "LISTEN_FDS_FIRST_FD=3"},
	},
}

func TestEnviron(t *testing.T) {
	t.Parallel()
	mixed := slices.Concat(others[:3], stale, others[3:])
	before := slices.Clone(mixed)
	for name, test := range environTests {
		got := Environ(mixed, test.set)
		if want := slices.Concat(others, test.want); !slices.Equal(got, want) {
			t.Errorf("%s: Environ gives %q, want %q", name, got, want)
		}
		if !slices.Equal(mixed, before) {
			t.Fatalf("%s: Environ changed its argument", name)
		}
	}
}

// TestRoundTrip: Parse reads what Environ writes.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, set := range []Set{
		{First: 3, Count: 2, Names: []string{"first", ""}, Sockets: "tcp::1,unix::/x", Holder: "/h"},
		{First: 7, Count: 1, Names: []string{"a b"}},
		{First: 3, NoHolder: true},
	} {
		if got, err := Parse(env(Environ(nil, set)...)); err != nil || !reflect.DeepEqual(got, set) {
			t.Errorf("%+v is read as %+v, %v", set, got, err)
		}
	}
}

func TestIsGiven(t *testing.T) {
	t.Parallel()
	for _, variable := range []string{
		"LISTEN_FDS=1", "LISTEN_FDS=0", "LISTEN_FDS=junk", "SYSTEMFD_SOCKETS=tcp::1", "SYSTEMFD_HOLDER=/h", "SYSTEMFD_HOLDER=",
	} {
		if !IsGiven(env(variable)) {
			t.Errorf("%s says nothing", variable)
		}
	}
	if IsGiven(env("LISTEN_PID=1", "LISTEN_FDNAMES=a", "LISTEN_FDS=", "SYSTEMFD_SOCKETS=")) {
		t.Error("names and a process ID say something")
	}
}
