package unitfile

import (
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/spec"
)

// FuzzParse: whatever the file and a drop-in hold is a unit whose sockets can be opened, or an error with the name of one. Its
// seeds are in testdata.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, text, dropIn string) {
		unit, err := parseBoth(text, dropIn)
		if err != nil {
			isUnitError(t, text, err)
			return
		}
		if len(unit.listens) == 0 {
			t.Fatalf("%q opens nothing", text)
		}
		for _, o := range openings(unit) {
			if o.Type != "" {
				checkOpening(t, text, o)
			}
		}
		comesBack(t, unit)
	})
}

// parseBoth reads a unit of a template and a drop-in.
func parseBoth(text, dropIn string) (Unit, error) {
	return Parse("app@1.socket", []Source{{"app@.socket", text}, {"app@1.socket.d/a.conf", dropIn}}, host, spec.Defaults())
}

// checkOpening looks at one of what text opens.
func checkOpening(t *testing.T, text string, o spec.Opening) {
	t.Helper()
	unnamed := o.Spec
	unnamed.Name = ""
	if again, err := spec.Parse(unnamed.String()); err != nil || again != unnamed {
		t.Errorf("%q opens %#v, which reads as %#v, %v", text, o.Spec, again, err)
	}
	if o.Name == "" || o.Backlog < 0 || o.ReceiveBuffer < 0 || o.SendBuffer < 0 {
		t.Errorf("%q: %+v", text, o)
	}
}

// isUnitError fails unless err is one that Parse may return.
func isUnitError(t *testing.T, text string, err error) {
	t.Helper()
	if bad, ok := err.(*Error); !ok || !strings.HasPrefix(bad.File, "app@") || bad.Problem == "" || bad.Line < 0 {
		t.Errorf("%q: %#v", text, err)
	}
}

// comesBack fails unless the openings of unit, without any --map, are what their texts say.
func comesBack(t *testing.T, unit Unit) {
	t.Helper()
	opened, err := new(Maps).Apply(unit)
	if err != nil {
		if bad, ok := err.(*Error); !ok || !strings.HasPrefix(bad.Hint(), "leave ") {
			t.Errorf("%#v", err)
		}
		return
	}
	for i, o := range openings(unit) {
		if opened[i].Spec != o.Spec || opened[i].Options != o.For(o.Type) || unit.Accept && o.Type.Transport() == spec.Datagram {
			t.Errorf("%#v without a map is %#v", o, opened[i])
		}
		readsBack(t, opened[i])
	}
}

// readsBack fails unless the text of o says the same.
func readsBack(t *testing.T, o spec.Opening) {
	t.Helper()
	if again, err := spec.ParseOpening(o.Encode()); err != nil || again != o {
		t.Errorf("%#v is %q, and that is %#v, %v", o, o.Encode(), again, err)
	}
}

// FuzzMaps: a --map that applies gives openings with the name and the transport of the unit, and with a text that
// says the same. Its seeds are in testdata.
func FuzzMaps(f *testing.F) {
	f.Fuzz(func(t *testing.T, text, from, to string) {
		unit, err := parseBoth(text, "")
		if err != nil {
			return
		}
		maps, err := ParseMaps([]string{from + "=" + to})
		if err != nil {
			isMapError(t, err)
			return
		}
		mapped, err := maps.Apply(unit)
		if err != nil {
			isMapError(t, err)
			return
		}
		checkMapped(t, from+"="+to, unit, mapped, maps.Unused() == nil)
	})
}

// checkMapped looks at what a --map makes of unit.
func checkMapped(t *testing.T, text string, unit Unit, mapped []spec.Opening, isUsed bool) {
	t.Helper()
	said := openings(unit)
	if len(mapped) > len(said) || len(mapped) < len(said) && (!strings.HasSuffix(text, "=-") || !isUsed) {
		t.Fatalf("--map %s makes %#v of %#v", text, mapped, said)
	}
	isSame := len(mapped) == len(said)
	for i, o := range mapped {
		readsBack(t, o)
		if isSame && (o.Name != said[i].Name || o.Type.Transport() != said[i].Type.Transport() || o.Options != said[i].For(o.Type)) {
			t.Errorf("--map %s makes %#v of %#v", text, o, said[i])
		}
		if isSame && o.Spec != said[i].Spec && !isUsed {
			t.Errorf("--map %s makes %#v of %#v, and is unused", text, o, said[i])
		}
	}
}

// isMapError fails unless err is one that Maps may return, with a way out.
func isMapError(t *testing.T, err error) {
	t.Helper()
	switch bad := err.(type) {
	case *Error:
		if bad.Line == 0 || bad.Hint() == "" {
			t.Errorf("%#v", err)
		}
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
