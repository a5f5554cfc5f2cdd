package spec

import "testing"

// FuzzParse: a specification that parses has a canonical form that says the same. Its seeds are in testdata.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			if bad, ok := err.(*Error); !ok || bad.Text != text || bad.Problem == "" || bad.Hint() == "" {
				t.Fatalf("Parse(%q): %#v", text, err)
			}
			return
		}
		if s.Type.Family() == "" || s.Address() == "" || s.Display() == "" || s.FDName() == "" {
			t.Fatalf("Parse(%q) = %#v", text, s)
		}
		canonical := s.String()
		again, err := Parse(canonical)
		if err != nil || again != s {
			t.Fatalf("Parse(%q) = %#v, but Parse(%q) = %#v, %v", text, s, canonical, again, err)
		}
		if again.String() != canonical {
			t.Fatalf("String of %q is %q, and of that %q", text, canonical, again.String())
		}
	})
}
