package unitfile

import (
	"math"
	"testing"
)

func TestBooleans(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"1", "yes", "y", "true", "t", "on", "YES", "Yes", "tRUE", "ON"} {
		if !parse(t, "Accept="+value).Accept {
			t.Errorf("%q is no", value)
		}
	}
	for _, value := range []string{"0", "no", "n", "false", "f", "off", "NO", "False"} {
		if parse(t, "Accept=yes", "Accept="+value).Accept {
			t.Errorf("%q is yes", value)
		}
	}
}

var sizeTests = []struct {
	text string
	want int
}{
	{"0", 0},
	{"1", 1},
	{"010", 10},
	{"8B", 8},
	{"8 B", 8},
	{"64K", 64 << 10},
	{"64  K", 64 << 10},
	{"1.5K", 1536},
	{"1.K", 1024},
	{"1.5", 1},
	{"1.5B", 1},
	{"1M", 1 << 20},
	{"1M 512K", 1<<20 + 512<<10},
	{"1M1K", 1<<20 + 1<<10},
	{"1K 500B", 1524},
	{"1K 5", 1029},
	{"1G", 1 << 30},
	{"4G", math.MaxInt32},
	{"1T", math.MaxInt32},
	{"1P", math.MaxInt32},
	{"15E", math.MaxInt32},
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, test := range sizeTests {
		if got := openings(parse(t, "SendBuffer="+test.text))[0].SendBuffer; got != test.want {
			t.Errorf("%q is %d, want %d", test.text, got, test.want)
		}
	}
}
