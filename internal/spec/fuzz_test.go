package spec

import (
	"strings"
	"testing"
)

// FuzzParse: a specification that parses has a canonical form that says the same. Its seeds are in testdata.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			if bad, ok := err.(*Error); !ok || bad.Text != text || bad.Problem == "" || bad.Hint() == "" {
				t.Fatalf("Parse(%q): %#v", text, err)
			}
			for _, right := range err.(*Error).Right {
				if _, err := Parse(right); err != nil {
					t.Fatalf("Parse(%q): %q was meant: %v", text, right, err)
				}
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

// FuzzParseOpening: an opening that parses has a text that says the same, and no shell gives it a meaning.
func FuzzParseOpening(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		o, err := ParseOpening(text)
		if err != nil {
			if bad, ok := err.(*Error); !ok || bad.Text != text || bad.Problem == "" {
				t.Fatalf("ParseOpening(%q): %#v", text, err)
			}
			return
		}
		encoded := o.Encode()
		if strings.Trim(encoded, plain+"%~") != "" {
			t.Fatalf("Encode of %q is %q", text, encoded)
		}
		again, err := ParseOpening(encoded)
		if err != nil || again != o {
			t.Fatalf("ParseOpening(%q) = %#v, but ParseOpening(%q) = %#v, %v", text, o, encoded, again, err)
		}
		if list, err := ParseOpenings(EncodeOpenings([]Opening{o, o})); err != nil || len(list) != 2 || list[0] != o || list[1] != o {
			t.Fatalf("two of %q are %#v, %v", text, list, err)
		}
	})
}

// FuzzEncodeOpening: whatever its name and options, an opening comes back as it was.
func FuzzEncodeOpening(f *testing.F) {
	f.Fuzz(func(t *testing.T, text, name string, backlog, bits, mode, directoryMode uint16, buffer uint32) {
		s, err := Parse(text)
		if err != nil || name != "" && !isPassable(name) {
			return
		}
		s.Name = name
		o := Opening{s, fuzzedOptions(backlog, bits, mode, directoryMode, buffer).For(s.Type)}
		if again, err := ParseOpening(o.Encode()); err != nil || again != o {
			t.Fatalf("%#v is %q, and that is %#v, %v", o, o.Encode(), again, err)
		}
	})
}

// fuzzedOptions has a bit for each option that is on or off, or set or unset.
func fuzzedOptions(backlog, bits, mode, directoryMode uint16, buffer uint32) Options {
	on := func(bit int) bool { return bits>>bit&1 == 1 }
	o := Options{
		Backlog: int(backlog), NoReuse: on(0), ReusePort: on(1), MakeDirectories: on(2), FreeBind: on(3), NoDelay: on(4), KeepAlive: on(5),
		Broadcast: on(6), PassCredentials: on(7), ReceiveBuffer: int(buffer >> 1), SendBuffer: int(buffer >> 2), Nonblock: on(12),
	}
	if on(8) {
		o.Mode = Some(uint32(mode & 0o7777))
	}
	if on(9) {
		o.DirectoryMode = Some(uint32(directoryMode & 0o7777))
	}
	if on(10) {
		o.V6Only = Some(on(11))
	}
	return o
}
