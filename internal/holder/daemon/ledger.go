package daemon

import (
	"slices"

	"github.com/systemfd/systemfd/internal/spec"
)

// ledger knows what is kept, and for whom. It has no descriptors and no locks: sockets and claims are numbers.
type ledger struct {
	last    int // number given
	items   map[int]*item
	byKey   map[spec.Identity][]int // items, by what they were wanted as and by what they are bound to
	claims  map[int]*claim
	current map[party]int // the claim of a process
}

// item is a socket that is kept.
type item struct {
	wanted, bound spec.Opening // without name
	claims        int          // that refer to it
}

// party is a process in one of its two roles.
type party struct {
	pid  int
	role role
}

type role string

const (
	owner role = "owner"        // wants sockets kept
	user  role = "user"         // has fetched sockets
	guest role = "conversation" // keeps the sockets that it was told of, until it ends
)

// claim is what one party keeps open.
type claim struct {
	party
	items []int
	as    []spec.Opening // items, as bound, with the owner's names
}

func newLedger() *ledger {
	return &ledger{items: map[int]*item{}, byKey: map[spec.Identity][]int{}, claims: map[int]*claim{}, current: map[party]int{}}
}

func (l *ledger) number() int {
	l.last++
	return l.last
}

// add adds a socket. It is removed with its last claim.
func (l *ledger) add(wanted, bound spec.Opening) int {
	n := l.number()
	l.items[n] = &item{wanted: wanted, bound: bound}
	for _, key := range keysOf(wanted, bound) {
		l.byKey[key] = append(l.byKey[key], n)
	}
	return n
}

func keysOf(wanted, bound spec.Opening) []spec.Identity {
	if wanted.SameSocket(bound.Spec) {
		return []spec.Identity{bound.Identity()}
	}
	return []spec.Identity{wanted.Identity(), bound.Identity()}
}

// match returns the item for each opening, 0 if it is missing. Two openings never get the same item: the second of two free ports is
// another port than the first.
func (l *ledger) match(openings []spec.Opening) []int {
	matched := make([]int, len(openings))
	taken, tried := map[int]bool{}, map[spec.Identity]int{}
	for i, o := range openings {
		key := o.Identity()
		candidates := l.byKey[key]
		for tried[key] < len(candidates) && taken[candidates[tried[key]]] {
			tried[key]++
		}
		for _, n := range candidates[tried[key]:] {
			if !taken[n] && l.items[n].bound.MayBe(o.Spec) { // 3001 is kept as 3000+, and is not 3000
				matched[i], taken[n] = n, true
				break
			}
		}
	}
	return matched
}

// claim adds items to those that a party wants. The openings are the items with the names of that party.
func (l *ledger) claim(p party, items []int, as []spec.Opening) (number int) {
	number = l.number()
	l.claims[number] = &claim{party: p}
	l.current[p] = number
	l.extend(number, items, as)
	return number
}

// extend adds the items to a claim that it does not have yet.
func (l *ledger) extend(number int, items []int, as []spec.Opening) {
	c, has := l.claims[number], map[int]bool{}
	for _, n := range c.items {
		has[n] = true
	}
	for i, n := range items {
		if !has[n] {
			c.items, c.as, has[n] = append(c.items, n), append(c.as, as[i]), true
			l.items[n].claims++
		}
	}
}

// release drops a claim. It removes the items that have no claim any more, and returns them.
func (l *ledger) release(number int) (unclaimed []int) {
	c := l.claims[number]
	if c == nil {
		return nil
	}
	delete(l.claims, number)
	if l.current[c.party] == number {
		delete(l.current, c.party)
	}
	for _, n := range c.items {
		if l.items[n].claims--; l.items[n].claims == 0 {
			unclaimed = append(unclaimed, n)
		}
	}
	l.remove(unclaimed)
	return unclaimed
}

// strike takes an item out of all claims, and returns the claims that have no other item.
func (l *ledger) strike(n int) (empty []int) {
	for number, c := range l.claims {
		i := slices.Index(c.items, n)
		if i < 0 {
			continue
		}
		c.items, c.as = slices.Delete(c.items, i, i+1), slices.Delete(c.as, i, i+1)
		if len(c.items) == 0 {
			empty = append(empty, number)
		}
	}
	l.remove([]int{n})
	return empty
}

func (l *ledger) remove(numbers []int) {
	gone := map[spec.Identity]bool{}
	for _, n := range numbers {
		for _, key := range keysOf(l.items[n].wanted, l.items[n].bound) {
			gone[key] = true
		}
		delete(l.items, n)
	}
	for key := range gone {
		l.byKey[key] = slices.DeleteFunc(l.byKey[key], func(n int) bool { return l.items[n] == nil })
		if len(l.byKey[key]) == 0 {
			delete(l.byKey, key)
		}
	}
}

// inOrder returns the items in the order in which they came.
func (l *ledger) inOrder() []int {
	numbers := make([]int, 0, len(l.items))
	for n := range l.items {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers
}

// holding is who wants one item.
type holding struct {
	owners, users []int        // process IDs, in the order in which they came
	as            spec.Opening // as the last owner calls it
}

// holdings returns who wants each item.
func (l *ledger) holdings() map[int]*holding {
	all := map[int]*holding{}
	for n, it := range l.items {
		all[n] = &holding{as: it.bound}
	}
	numbers := make([]int, 0, len(l.claims))
	for number := range l.claims {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	for _, number := range numbers {
		c := l.claims[number]
		for i, n := range c.items {
			switch c.role {
			case owner:
				all[n].owners, all[n].as = append(all[n].owners, c.pid), c.as[i]
			case user:
				all[n].users = append(all[n].users, c.pid)
			}
		}
	}
	return all
}
