package lowfds

import (
	"slices"
	"testing"
)

// table is a table of descriptors with a limit.
type table struct {
	open  map[int]bool
	limit int
}

func (t *table) take() (int, bool) {
	for fd := start; fd < t.limit; fd++ {
		if !t.open[fd] {
			t.open[fd] = true
			return fd, true
		}
	}
	return 0, false
}

func (t *table) close(fd int) { delete(t.open, fd) }

type fillTest struct {
	taken []int // by others
	limit int
	last  int // placeholder
	free  int // descriptors behind it and below the limit
}

var fillTests = map[string]fillTest{
	"all":                  {nil, 1024, start + count - 1, 1024 - start - count},
	"some are taken":       {[]int{3, 5, 66}, 1024, 65, 1024 - start - count},
	"exactly the range":    {nil, start + count, start + count - 1 - spare, spare},
	"one more":             {nil, start + count + 1, start + count - 1 - spare, spare + 1},
	"just enough":          {nil, start + count + spare, start + count - 1, spare},
	"fewer":                {nil, 20, 19 - spare, spare},
	"fewer than are given": {nil, 5, 0, 2},
}

// TestFill is not parallel: there is one range.
func TestFill(t *testing.T) {
	for name, test := range fillTests {
		test.check(t, name)
	}
}

func (test fillTest) check(t *testing.T, name string) {
	t.Helper()
	filled = [count]bool{}
	all := &table{map[int]bool{}, test.limit}
	for _, fd := range test.taken {
		all.open[fd] = true
	}
	fill(all.take, all.close)
	last, free := 0, 0
	for fd := start; fd < test.limit; fd++ {
		if Holds(fd) {
			last = fd
			if !all.open[fd] || slices.Contains(test.taken, fd) {
				t.Errorf("%s: %d is no placeholder", name, fd)
			}
		}
		if !all.open[fd] {
			free++
		}
	}
	if last != test.last || free != test.free {
		t.Errorf("%s: the last placeholder is %d, %d are free; want %d, %d", name, last, free, test.last, test.free)
	}
	if Release(all.close); len(all.open) != len(test.taken) || Holds(last) {
		t.Errorf("%s: left are %v", name, all.open)
	}
}

// TestHoldsNothing is not parallel either.
func TestHoldsNothing(t *testing.T) {
	filled = [count]bool{}
	if Holds(0) || Holds(start) || Holds(start+count) {
		t.Error("it holds what it does not")
	}
}
