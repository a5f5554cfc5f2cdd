package listenfds

import (
	"errors"
	"reflect"
	"slices"
	"testing"
)

// FuzzParse: if variables can be read, Environ writes variables that are read as the same set. Otherwise the error names the variable and
// its value.
func FuzzParse(f *testing.F) {
	f.Add("2", "", "a:b", "http::127.0.0.1:3000,b=unix::/run/b", "/run/systemfd/h.sock")
	f.Add("1", "10", "a", "", "")
	f.Add("0", "3", ":", "tcp::1", "")
	f.Add("-1", "2", "a\x00b", "%", "=")
	f.Add("2147483648", "x", "ä:", ",", "-")
	f.Fuzz(func(t *testing.T, fds, first, names, sockets, holder string) {
		environ := []string{FDs + "=" + fds, FirstFD + "=" + first, FDNames + "=" + names, Sockets + "=" + sockets, Holder + "=" + holder}
		set, err := Parse(env(environ...))
		if err != nil {
			isError(t, environ, err)
			return
		}
		if set.First < Start || set.Count < 0 || set.Names != nil && len(set.Names) != set.Count {
			t.Fatalf("%q is %+v", environ, set)
		}
		comesBack(t, set)
	})
}

// isError fails unless err is one that Parse may return.
func isError(t *testing.T, environ []string, err error) {
	t.Helper()
	bad, ok := errors.AsType[*Error](err)
	if !ok || !slices.Contains(environ, bad.Variable+"="+bad.Value) || bad.Problem == "" || bad.Hint() == "" {
		t.Fatalf("%q: %#v", environ, err)
	}
}

// comesBack fails unless a set that is passed on is read as it was, whatever was set before.
func comesBack(t *testing.T, set Set) {
	t.Helper()
	if set.Count == 0 || set.Names == nil { // nothing is passed, or names are still to be found
		return
	}
	if again, err := Parse(env(Environ(stale, set)...)); err != nil || !reflect.DeepEqual(again, set) {
		t.Fatalf("%+v is read as %+v, %v", set, again, err)
	}
}
