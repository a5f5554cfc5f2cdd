package unitfile

import (
	"testing"

	"github.com/systemfd/systemfd/internal/spec"
)

// FuzzParse: whatever a file holds is a unit whose sockets can be opened, or an error with the file's name. Its seeds
// are in testdata.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		unit, err := Parse("app@1.socket", text, host)
		if err != nil {
			if bad, ok := err.(*Error); !ok || bad.File != "app@1.socket" || bad.Problem == "" || bad.Line < 0 {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		if len(unit.Specs) == 0 {
			t.Fatalf("%q opens nothing", text)
		}
		for _, s := range unit.Specs {
			if again, err := spec.Parse(s.String()); err != nil || again != s {
				t.Errorf("%q opens %#v, which reads as %#v, %v", text, s, again, err)
			}
			if s.Name == "" || unit.Accept && s.Type.Transport() == spec.Datagram {
				t.Errorf("%q opens %#v", text, s)
			}
		}
		o := unit.Options
		if o.Backlog != nil && *o.Backlog < 0 || o.ReceiveBuffer < 0 || o.SendBuffer < 0 {
			t.Errorf("%q: %+v", text, o)
		}
	})
}
