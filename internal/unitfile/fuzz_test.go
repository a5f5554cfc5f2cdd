package unitfile

import (
	"testing"

	"github.com/systemfd/systemfd/internal/spec"
)

// FuzzParse: whatever a file holds is a unit whose sockets can be opened, or an error with the file's name. Its seeds
// are in testdata.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		unit, err := Parse("app@1.socket", text, host, spec.Defaults())
		if err != nil {
			isUnitError(t, text, err)
			return
		}
		if len(unit.Openings) == 0 {
			t.Fatalf("%q opens nothing", text)
		}
		for _, o := range unit.Openings {
			if again, err := spec.Parse(o.String()); err != nil || again != o.Spec {
				t.Errorf("%q opens %#v, which reads as %#v, %v", text, o.Spec, again, err)
			}
			if o.Name == "" || unit.Accept && o.Type.Transport() == spec.Datagram {
				t.Errorf("%q opens %#v", text, o.Spec)
			}
			if o.Backlog < 0 || o.ReceiveBuffer < 0 || o.SendBuffer < 0 {
				t.Errorf("%q: %+v", text, o.Options)
			}
			comesBack(t, o)
		}
	})
}

// isUnitError fails unless err is one that Parse may return.
func isUnitError(t *testing.T, text string, err error) {
	t.Helper()
	if bad, ok := err.(*Error); !ok || bad.File != "app@1.socket" || bad.Problem == "" || bad.Line < 0 {
		t.Errorf("%q: %#v", text, err)
	}
}

// comesBack fails unless o, without any --map, is what its text says.
func comesBack(t *testing.T, o spec.Opening) {
	t.Helper()
	applied, err := Maps(nil).Apply(o)
	if err != nil || applied.Spec != o.Spec || applied.Options != o.For(o.Type) {
		t.Errorf("%#v without a map is %#v, %v", o, applied, err)
	}
	readsBack(t, applied)
}

// readsBack fails unless the text of o says the same.
func readsBack(t *testing.T, o spec.Opening) {
	t.Helper()
	if again, err := spec.ParseOpening(o.Encode()); err != nil || again != o {
		t.Errorf("%#v is %q, and that is %#v, %v", o, o.Encode(), again, err)
	}
}

// FuzzMaps: a --map that applies gives an opening with the name and the transport of the unit, and with a text that
// says the same. Its seeds are in testdata.
func FuzzMaps(f *testing.F) {
	f.Fuzz(func(t *testing.T, text, from, to string) {
		unit, err := Parse("app@1.socket", text, host, spec.Defaults())
		if err != nil {
			return
		}
		maps, err := ParseMaps([]string{from + "=" + to})
		if err != nil {
			isMapError(t, err)
			return
		}
		for _, o := range unit.Openings {
			checkMap(t, maps, from+"="+to, o)
		}
	})
}

// checkMap looks at what maps, which are --map text, make of o.
func checkMap(t *testing.T, maps Maps, text string, o spec.Opening) {
	t.Helper()
	mapped, err := maps.Apply(o)
	if err != nil {
		isMapError(t, err)
		return
	}
	if mapped.Name != o.Name || mapped.Type.Transport() != o.Type.Transport() || mapped.Options != o.For(mapped.Type) {
		t.Errorf("--map %s makes %#v of %#v", text, mapped, o)
	}
	readsBack(t, mapped)
	if mapped.Spec != o.Spec && maps.Unused() != nil {
		t.Errorf("--map %s makes %#v of %#v, and is unused", text, mapped, o)
	}
}

// isMapError fails unless err is one that Maps may return, with a way out.
func isMapError(t *testing.T, err error) {
	t.Helper()
	switch bad := err.(type) {
	case *MapError:
		if bad.Error() == "" || bad.Hint() == "" {
			t.Errorf("%#v", err)
		}
	case *spec.Error:
		if bad.Problem == "" || bad.Hint() == "" {
			t.Errorf("%#v", err)
		}
	default:
		t.Errorf("%#v", err)
	}
}
