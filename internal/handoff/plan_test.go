package handoff

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/systemfd/systemfd/internal/listenfds"
)

// TestPlan: wherever the sockets stand, each gets to its place, and none is overwritten before it has moved.
func TestPlan(t *testing.T) {
	t.Parallel()
	for _, fds := range arrangements([]int{3, 4, 5, 6, 7, 100}, 5) { // every one, in every order
		checkPlan(t, fds)
	}
	for range 500 {
		fds := rand.Perm(30)[:rand.IntN(30)]
		for i := range fds {
			fds[i] += listenfds.Start
		}
		checkPlan(t, fds)
	}
}

// arrangements returns every ordered choice of up to most of numbers.
func arrangements(numbers []int, most int) [][]int {
	all := [][]int{nil}
	if most == 0 {
		return all
	}
	for i, n := range numbers {
		others := slices.Delete(slices.Clone(numbers), i, i+1)
		for _, rest := range arrangements(others, most-1) {
			all = append(all, append([]int{n}, rest...))
		}
	}
	return all
}

// checkPlan runs the plan for fds on a table of descriptors that says what stands at each.
func checkPlan(t *testing.T, fds []int) {
	t.Helper()
	table := map[int]string{}
	for fd := range 40 {
		table[fd] = fmt.Sprintf("stranger %d", fd) // may stand anywhere
	}
	for i, fd := range fds {
		table[fd] = fmt.Sprintf("socket %d", i)
	}
	before := maps.Clone(table)

	lift, steps := plan(fds)
	moved := map[int]int{}
	for _, fd := range lift {
		free := listenfds.Start + len(fds)
		for table[free] != "" {
			free++
		}
		moved[fd], table[free] = free, table[fd]
		if !inRange(fd, len(fds)) {
			t.Errorf("plan(%v) lifts %d, which is not in the way", fds, fd)
		}
	}
	if len(moved) != len(lift) {
		t.Errorf("plan(%v) lifts one twice: %v", fds, lift)
	}
	for _, s := range steps {
		from := s.from
		if to, ok := moved[from]; ok {
			from = to
		}
		if table[from] != before[s.from] {
			t.Errorf("plan(%v): %s has been overwritten by %s when it moves to %d", fds, before[s.from], table[from], s.to)
		}
		table[s.to] = table[from]
	}

	if len(steps) != len(fds) {
		t.Errorf("plan(%v) has %d steps", fds, len(steps))
	}
	for i := range fds {
		to := listenfds.Start + i
		if want := fmt.Sprintf("socket %d", i); table[to] != want {
			t.Errorf("plan(%v) puts %s at %d, want %s", fds, table[to], to, want)
		}
		delete(table, to)
		delete(before, to)
	}
	for fd, want := range before {
		if table[fd] != want {
			t.Errorf("plan(%v) overwrites %s at %d", fds, want, fd)
		}
	}
}

// TestPlanInPlace: what stands right is not moved.
func TestPlanInPlace(t *testing.T) {
	t.Parallel()
	lift, steps := plan([]int{3, 4, 5})
	if want := []step{{3, 3}, {4, 4}, {5, 5}}; lift != nil || !slices.Equal(steps, want) {
		t.Errorf("lift %v, steps %v; want none, %v", lift, steps, want)
	}
	lift, steps = plan(nil)
	if lift != nil || steps != nil {
		t.Errorf("lift %v, steps %v of nothing", lift, steps)
	}
}

func TestInRange(t *testing.T) {
	t.Parallel()
	for fd, want := range map[int]bool{0: false, 2: false, 3: true, 4: true, 5: false, -1: false} {
		if got := inRange(fd, 2); got != want {
			t.Errorf("inRange(%d, 2) = %v", fd, got)
		}
	}
}
