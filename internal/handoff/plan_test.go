package handoff

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/systemfd/systemfd/internal/listenfds"
)

// TestPlan: each socket gets to its place, whatever its number was, and none is overwritten before it has moved.
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

// A table says what stands at each descriptor.
type table map[int]string

// newTable has sockets at fds, and strangers anywhere else.
func newTable(fds []int) table {
	all := table{}
	for fd := range 40 {
		all[fd] = fmt.Sprintf("stranger %d", fd)
	}
	for i, fd := range fds {
		all[fd] = fmt.Sprintf("socket %d", i)
	}
	return all
}

// checkPlan runs the plan for fds on a table.
func checkPlan(t *testing.T, fds []int) {
	t.Helper()
	before := newTable(fds)
	after := maps.Clone(before)
	lift, steps := plan(fds)
	checkLift(t, fds, lift)
	moved := after.lift(lift, listenfds.Start+len(fds))
	for _, s := range steps {
		from := s.from
		if to, ok := moved[from]; ok {
			from = to
		}
		if after[from] != before[s.from] {
			t.Errorf("plan(%v): %s has been overwritten by %s when it moves to %d", fds, before[s.from], after[from], s.to)
		}
		after[s.to] = after[from]
	}
	if len(steps) != len(fds) {
		t.Errorf("plan(%v) has %d steps", fds, len(steps))
	}
	checkPlaces(t, fds, before, after)
}

// checkLift: only descriptors that are in the way are lifted, each once.
func checkLift(t *testing.T, fds, lift []int) {
	t.Helper()
	for i, fd := range lift {
		if !inRange(fd, len(fds)) {
			t.Errorf("plan(%v) lifts %d, which is not in the way", fds, fd)
		}
		if slices.Contains(lift[:i], fd) {
			t.Errorf("plan(%v) lifts one twice: %v", fds, lift)
		}
	}
}

// lift copies each of fds to the lowest free descriptor from first on, and returns to which.
func (all table) lift(fds []int, first int) map[int]int {
	moved := map[int]int{}
	for _, fd := range fds {
		free := first
		for all[free] != "" {
			free++
		}
		moved[fd], all[free] = free, all[fd]
	}
	return moved
}

// checkPlaces: each socket is in its place, and the strangers anywhere else are where they were.
func checkPlaces(t *testing.T, fds []int, before, after table) {
	t.Helper()
	for i := range fds {
		to := listenfds.Start + i
		if want := fmt.Sprintf("socket %d", i); after[to] != want {
			t.Errorf("plan(%v) puts %s at %d, want %s", fds, after[to], to, want)
		}
		delete(before, to)
	}
	for fd, want := range before {
		if after[fd] != want {
			t.Errorf("plan(%v) overwrites %s at %d", fds, want, fd)
		}
	}
}

// TestPlanInPlace: a socket in its place is not moved.
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
