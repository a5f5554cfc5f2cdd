package daemon

import (
	"fmt"
	"slices"
	"testing"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// keep makes a claim as the server does: missing sockets are opened, a port 0 at 1001, 1002, ...
func (l *ledger) keep(p party, wanted []spec.Opening) (number int, unclaimed []int) {
	before, items := l.current[p], l.match(wanted)
	for i, o := range wanted {
		if items[i] == 0 {
			items[i] = l.add(o, bound(o, 1001+len(l.items)))
		}
	}
	number = l.claim(p, items, wanted)
	return number, l.release(before)
}

func bound(o spec.Opening, port int) spec.Opening {
	if o.Path == "" && o.Port() == 0 {
		text := fmt.Sprintf("%s::%s:%d", o.Type, o.Addr.Addr(), port)
		o.Spec, _ = spec.Parse(text)
	}
	return o
}

var matchTests = []struct {
	name           string
	kept, openings []string
	want           []int // numbers of kept, from 1; 0 is missing
}{
	{"nothing is kept", nil, []string{"0", "3000"}, []int{0, 0}},
	{"nothing is asked for", []string{"0"}, nil, []int{}},
	{"as wanted", []string{"3000", "0"}, []string{"0", "3000"}, []int{2, 1}},
	{"as bound", []string{"0", "0"}, []string{"127.0.0.1:1002", "127.0.0.1:1001"}, []int{2, 1}},
	{"the second of two is another", []string{"0"}, []string{"0", "0"}, []int{1, 0}},
	{"the third of three is missing", []string{"0", "0"}, []string{"0", "0", "0"}, []int{1, 2, 0}},
	{"one socket twice", []string{"3000"}, []string{"3000", "3000"}, []int{1, 0}},
	{"as bound, then as wanted", []string{"0"}, []string{"127.0.0.1:1001", "0"}, []int{1, 0}},
	{"as wanted, then as bound", []string{"0", "0"}, []string{"0", "127.0.0.1:1002"}, []int{1, 2}},
	{"http is tcp", []string{"http::3000"}, []string{"tcp::3000"}, []int{1}},
	{"names are nothing to the kernel", []string{"a=3000"}, []string{"b=3000"}, []int{1}},
	{"udp is another", []string{"udp::3000"}, []string{"3000"}, []int{0}},
	{"another host", []string{"0"}, []string{"127.0.0.2:0", "[::1]:0", "127.0.0.2:1001"}, []int{0, 0, 0}},
	{"paths", []string{"/a", "unix-dgram::/b"}, []string{"unix-dgram::/a", "unix::/b", "unix-dgram::/b", "/a"}, []int{0, 0, 2, 1}},
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, test := range matchTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLedger()
			for i, o := range testkit.Openings(t, test.kept...) {
				if n := l.add(o, bound(o, 1001+i)); n != i+1 {
					t.Fatalf("item %d has number %d", i, n)
				}
			}
			if got := l.match(testkit.Openings(t, test.openings...)); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestMatchHasOptions(t *testing.T) {
	t.Parallel()
	l, plain := newLedger(), testkit.Openings(t, "/a")[0]
	special := plain
	special.Backlog, special.Mode = 7, spec.Some[uint32](0o600)
	n := l.add(plain, special)
	if got := l.match([]spec.Opening{special}); got[0] != n {
		t.Error("other options make another socket")
	}
}

var shell, editor, server1 = party{10, owner}, party{20, owner}, party{10, user}

// isLeft checks which items there are, and that nothing is left of the other ones.
func isLeft(t *testing.T, l *ledger, want ...int) {
	t.Helper()
	if got := l.inOrder(); !slices.Equal(got, want) {
		t.Errorf("items %v are left, not %v", got, want)
	}
	if len(want) == 0 && len(l.byKey)+len(l.claims)+len(l.current) > 0 {
		t.Errorf("without items there are keys %v, claims %v, parties %v", l.byKey, l.claims, l.current)
	}
}

// isGone checks which items nobody wants any more without a claim.
func isGone(t *testing.T, l *ledger, claim int, want ...int) {
	t.Helper()
	if gone := l.release(claim); !slices.Equal(gone, want) {
		t.Errorf("gone is %v, not %v", gone, want)
	}
}

func TestClaimAgainKeepsWhatBothName(t *testing.T) {
	t.Parallel()
	l := newLedger()
	first, gone := l.keep(shell, testkit.Openings(t, "0", "3000", "/a"))
	items := l.inOrder()
	if len(gone) > 0 || len(items) != 3 {
		t.Fatalf("kept %v, and gone %v", items, gone)
	}
	second, gone := l.keep(shell, testkit.Openings(t, "/a", "4000", "0"))
	if second == first || !slices.Equal(gone, items[1:2]) {
		t.Errorf("gone is %v of %v", gone, items)
	}
	isLeft(t, l, items[0], items[2], l.last-1)
	if got := l.match(testkit.Openings(t, "3000", "4000")); !slices.Equal(got, []int{0, l.last - 1}) {
		t.Errorf("3000 and 4000 are %v", got)
	}
	if gone := l.release(first); gone != nil {
		t.Errorf("a claim that was replaced still has %v", gone)
	}
	if gone := l.release(second); len(gone) != 3 {
		t.Errorf("gone is %v", gone)
	}
	isLeft(t, l)
}

func TestTwoOwnersOfOne(t *testing.T) {
	t.Parallel()
	l := newLedger()
	first, _ := l.keep(shell, testkit.Openings(t, "a=0", "/a"))
	second, _ := l.keep(editor, testkit.Openings(t, "b=0"))
	if got := l.holdings()[1]; !slices.Equal(got.owners, []int{10, 20}) || got.as.Name != "b" || got.users != nil {
		t.Errorf("the holding is %+v", got)
	}
	isGone(t, l, first, 2)
	isLeft(t, l, 1)
	if got := l.holdings()[1]; !slices.Equal(got.owners, []int{20}) || got.as.Name != "b" {
		t.Errorf("the holding is %+v", got)
	}
	isGone(t, l, second, 1)
	isGone(t, l, second) // it is no claim any more
	isGone(t, l, 0)
	isLeft(t, l)
}

func TestUserKeepsItem(t *testing.T) {
	t.Parallel()
	l := newLedger()
	claimed, _ := l.keep(shell, testkit.Openings(t, "a=0", "0"))
	none := make([]spec.Opening, 2)
	used := l.claim(server1, []int{2}, none[:1]) // the same process in another role
	l.extend(used, []int{2}, none[:1])
	if l.current[shell] != claimed || l.current[server1] != used {
		t.Errorf("one role takes the place of another: %v", l.current)
	}
	isGone(t, l, claimed, 1)
	if got := l.holdings()[2]; got.owners != nil || !slices.Equal(got.users, []int{10}) || got.as.Port() != 1002 || got.as.Name != "" {
		t.Errorf("the holding is %+v", got)
	}
	again, _ := l.keep(editor, testkit.Openings(t, "127.0.0.1:1002", "3000"))
	l.extend(used, []int{2, l.last - 1}, none)
	if gone := l.release(again); gone != nil {
		t.Errorf("gone is %v, which is in use", gone)
	}
	if gone := l.release(used); len(gone) != 2 {
		t.Errorf("gone is %v", gone)
	}
	isLeft(t, l)
}

// TestGuestIsNobody: a conversation keeps items open, and is told to nobody.
func TestGuestIsNobody(t *testing.T) {
	t.Parallel()
	l := newLedger()
	claimed, _ := l.keep(shell, testkit.Openings(t, "0"))
	talk := l.claim(party{0, guest}, []int{1}, make([]spec.Opening, 1))
	if gone := l.release(claimed); gone != nil {
		t.Errorf("gone is %v, in the midst of a conversation", gone)
	}
	if got := l.holdings()[1]; got.owners != nil || got.users != nil {
		t.Errorf("the holding is %+v", got)
	}
	isGone(t, l, talk, 1)
	isLeft(t, l)
}

// TestStrike: an item that is struck is in no claim any more, and a claim that has nothing else is told.
func TestStrike(t *testing.T) {
	t.Parallel()
	l := newLedger()
	both, _ := l.keep(shell, testkit.Openings(t, "a=0", "/a"))
	only, _ := l.keep(editor, testkit.Openings(t, "b=0"))
	if empty := l.strike(1); !slices.Equal(empty, []int{only}) {
		t.Errorf("claims %v have nothing else, want %d", empty, only)
	}
	isLeft(t, l, 2)
	if got := l.match(testkit.Openings(t, "0", "/a")); !slices.Equal(got, []int{0, 2}) {
		t.Errorf("found are %v", got)
	}
	isGone(t, l, only)
	isGone(t, l, both, 2)
	isLeft(t, l)
}
