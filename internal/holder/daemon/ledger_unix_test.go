//go:build unix

package daemon

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/testkit"
)

// TestLedgerIsLinear compares the processor time of 16 times as many openings: 16 times is linear, 256 times quadratic. It
// is not parallel: it takes the time of this process.
func TestLedgerIsLinear(t *testing.T) {
	for name, text := range map[string]func(i int) string{
		"the same":  func(int) string { return "0" },
		"different": func(i int) string { return fmt.Sprintf("127.%d.%d.1:3000", i>>8, i&255) },
	} {
		few, many := shortest(t, 250, text), shortest(t, 4000, text)
		t.Logf("%s: %v, and for 16 times as many %v", name, few, many)
		if many > 96*few {
			t.Errorf("%s: %v, and for 16 times as many %v", name, few, many)
		}
	}
}

// shortest returns the shortest processor time that n openings take, of three.
func shortest(t *testing.T, n int, text func(i int) string) time.Duration {
	t.Helper()
	var texts []string
	for i := range n {
		texts = append(texts, text(i))
	}
	wanted := testkit.Openings(t, texts...)
	var times []time.Duration
	for range 3 {
		begin := processorTime(t)
		keepUseRelease(t, wanted)
		times = append(times, processorTime(t)-begin)
	}
	return slices.Min(times)
}

// keepUseRelease has a ledger keep openings for two owners and a user, until nobody wants them any more.
func keepUseRelease(t *testing.T, wanted []spec.Opening) {
	t.Helper()
	l, n := newLedger(), len(wanted)
	_, _ = l.keep(shell, wanted)
	kept := l.inOrder()
	for _, p := range []party{shell, editor} {
		if _, gone := l.keep(p, wanted); gone != nil || len(l.items) != n {
			t.Fatalf("%d items of %d, and gone are %d", len(l.items), n, len(gone))
		}
	}
	used := l.claim(server1, kept, wanted)
	l.extend(used, kept, wanted)
	if all := l.holdings(); len(all) != n || len(all[kept[0]].owners) != 2 || len(all[kept[0]].users) != 1 {
		t.Fatalf("%d holdings of %d", len(all), n)
	}
	l.release(l.current[shell])
	l.release(l.current[editor])
	if gone := l.release(used); len(gone) != n {
		t.Fatalf("%d of %d are gone", len(gone), n)
	}
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
