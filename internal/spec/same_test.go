package spec

import (
	"testing"
)

func TestSameSocket(t *testing.T) {
	t.Parallel()
	for _, test := range sameSocketTests {
		a, b := mustParse(t, test.a), mustParse(t, test.b)
		if a.SameSocket(b) != test.same || b.SameSocket(a) != test.same {
			t.Errorf("SameSocket(%q, %q) is not %v", test.a, test.b, test.same)
		}
	}
}

func mustParse(t testing.TB, text string) Spec {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var mayBeTests = []struct {
	kept, wanted string
	want         bool
}{
	{"3000", "http::3000", true},
	{"a=3000", "b=3000", true},
	{"3000", "0", true},
	{"3000", "4000", false},
	{"3000", "3000+", true},
	{"3100", "3000+", true},
	{"3101", "3000+", false},
	{"2999", "3000+", false},
	{"65535", "65500+", true},
	{"3001", "127.0.0.2:3000+", false},
	{"3001", "udp::3000+", false},
	{"0.0.0.0:3001", "*:3000+", true},
	{"3000", "127.0.0.2:3000", false},
	{"127.0.0.2:3000", "0", false},
	{"3000", "udp::3000", false},
	{"*:3000", "*:0", true},
	{"0.0.0.0:3000", "*:3000", true},
	{"0.0.0.0:3000", "*:0", true},
	{"0.0.0.0:3000", "*:4000", false},
	{"*:3000", "0.0.0.0:3000", false},
	{"3000", "*:3000", false},
	{"unix::/a", "unix::/a", true},
	{"unix::/a", "unix::/b", false},
	{"unix::/a", "unix-dgram::/a", false},
	{"unix::/a", "0", false},
}

func TestMayBe(t *testing.T) {
	t.Parallel()
	for _, test := range mayBeTests {
		if got := mustParse(t, test.kept).MayBe(mustParse(t, test.wanted)); got != test.want {
			t.Errorf("%s for %s: %v", test.kept, test.wanted, got)
		}
	}
}
