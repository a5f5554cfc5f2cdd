package wire

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// part is what one call of receive returns.
type part struct {
	text string
	fds  []int
	err  error
}

// from returns a receive of parts. A part that is longer than the buffer comes in pieces, its descriptors with the first.
func from(parts []part) func(buf []byte) (int, []int, error) {
	return func(buf []byte) (int, []int, error) {
		if len(parts) == 0 {
			return 0, nil, nil
		}
		p := &parts[0]
		n, fds, err := copy(buf, p.text), p.fds, p.err
		if p.text, p.fds = p.text[n:], nil; p.text == "" {
			parts = parts[1:]
		}
		return n, fds, err
	}
}

var errReceive = errors.New("receive fails")

// step is one call of a Reader, and what it is to return.
type step struct {
	descriptors int    // -1: a line
	error       string // of the line, as Header has it
	fds         []int
	err         error
}

func line(text string) step                 { return step{descriptors: -1, error: text} }
func lineFails(err error) step              { return step{descriptors: -1, err: err} }
func take(fds ...int) step                  { return step{descriptors: len(fds), fds: fds} }
func takeFails(n int, err error) step       { return step{descriptors: n, err: err} }
func text(lines ...string) (parts []part)   { return append(parts, part{text: strings.Join(lines, "")}) }
func said(what string) string               { return `{"Error":"` + what + `"}` + "\n" }
func with(fds []int, text string) part      { return part{text: text, fds: fds} }
func padded(length int, what string) string { return strings.Repeat(" ", length-len(what)) + what }

// no is a line without its end.
const no = `{"Error":"no"}`

var readerTests = []struct {
	name  string
	parts []part
	steps []step
	rest  []int
}{
	{"a line", text(said("no")), []step{line("no"), lineFails(io.EOF)}, nil},
	{"a line in pieces", []part{{text: `{"Er`}, {text: `ror":"no"`}, {text: "}"}, {text: "\n"}}, []step{line("no")}, nil},
	{"two lines in one piece", text(said("one"), said("two")), []step{line("one"), line("two"), lineFails(io.EOF)}, nil},
	{"one and a half", []part{{text: said("one") + `{"Error":`}, {text: `"two"}` + "\n"}}, []step{line("one"), line("two")}, nil},
	{"an empty piece is the end", []part{{text: no}, {}, {text: "\n"}}, []step{lineFails(io.EOF)}, nil},

	{"descriptors behind", []part{{text: said("no")}, with([]int{3, 4, 5}, "\x00")}, []step{line("no"), take(3, 4, 5)}, nil},
	{"descriptors in pieces", []part{{text: said("no")}, with([]int{5}, "\x00"), with([]int{3, 4}, "\x00")}, []step{line("no"), take(5, 3, 4)}, nil},
	{"descriptors with the text", []part{with([]int{4}, said("no")+"\x00")}, []step{line("no"), take(4)}, nil},
	{"descriptors with half of the text", []part{with([]int{4}, `{"Error":`), with([]int{3}, `"no"}`+"\n")}, []step{line("no"), take(4, 3)}, nil},
	{"descriptors taken one by one", []part{with([]int{3, 4, 5}, "\x00")}, []step{take(3), take(4), take(5)}, nil},
	{
		"descriptors that nobody takes",
		[]part{with([]int{3, 4}, said("no")), with([]int{5, 6}, "\x00")},
		[]step{line("no"), take(3), take(4, 5)},
		[]int{6},
	},
	{"no descriptors", text(said("no")), []step{take(), line("no"), take()}, nil},

	{"nothing", nil, []step{lineFails(io.EOF), takeFails(1, io.EOF)}, nil},
	{"half a line", text(no), []step{lineFails(io.EOF), lineFails(io.EOF)}, nil},
	{"half a line with a descriptor", []part{with([]int{3}, no)}, []step{lineFails(io.EOF)}, []int{3}},
	{"too few descriptors", []part{with([]int{3}, said("no"))}, []step{line("no"), takeFails(2, io.EOF)}, []int{3}},
	{"receive fails", []part{{err: errReceive}}, []step{lineFails(errReceive)}, nil},
	{"receive fails with descriptors", []part{{text: "x", fds: []int{3}, err: errReceive}}, []step{lineFails(errReceive)}, []int{3}},
	{"receive fails for descriptors", []part{with([]int{3}, "\x00"), {fds: []int{4}, err: errReceive}}, []step{takeFails(3, errReceive)}, []int{3, 4}},

	{"garbage, and a line", text("garbage\n", said("no")), []step{lineFails(ErrMalformed), line("no")}, nil},
	{"an empty line with a descriptor", []part{with([]int{3}, "\n")}, []step{lineFails(ErrMalformed)}, []int{3}},
	{"two messages in a line", text(no, no, "\n"), []step{lineFails(ErrMalformed)}, nil},
	{"another type", text("[]\n"), []step{lineFails(ErrMalformed)}, nil},
	{"as large as it may be", text(padded(MaxText, no), "\n", said("two")), []step{line("no"), line("two")}, nil},
	{"too large", text(padded(MaxText+1<<15, no), "\n"), []step{lineFails(ErrTooLarge)}, nil},
	{
		"too large, with descriptors",
		[]part{with([]int{3}, padded(MaxText, no)), with([]int{4}, padded(1<<15, no))},
		[]step{lineFails(ErrTooLarge)},
		[]int{3, 4},
	},
}

func TestReader(t *testing.T) {
	t.Parallel()
	for _, test := range readerTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := NewReader(from(test.parts))
			for i, s := range test.steps {
				check(t, r, i, s)
			}
			if rest := r.Rest(); !slices.Equal(rest, test.rest) {
				t.Errorf("the rest is %v, not %v", rest, test.rest)
			}
			if rest := r.Rest(); rest != nil {
				t.Errorf("the rest of the rest is %v", rest)
			}
		})
	}
}

func check(t *testing.T, r *Reader, i int, want step) {
	t.Helper()
	if want.descriptors >= 0 {
		if fds, err := r.Descriptors(want.descriptors); !slices.Equal(fds, want.fds) || !errors.Is(err, want.err) {
			t.Errorf("step %d: %d descriptors are %v, %v; want %v, %v", i, want.descriptors, fds, err, want.fds, want.err)
		}
		return
	}
	var got Header
	if err := r.Line(&got); got.Error != want.error || !errors.Is(err, want.err) {
		t.Errorf("step %d: the line is %q, %v; want %q, %v", i, got.Error, err, want.error, want.err)
	}
}

// TestEndlessText: a line that never ends is refused when it is too large, and not read on.
func TestEndlessText(t *testing.T) {
	t.Parallel()
	received := 0
	r := NewReader(func(buf []byte) (int, []int, error) {
		received += len(buf)
		return len(buf), nil, nil
	})
	if err := r.Line(&Request{}); !errors.Is(err, ErrTooLarge) || received > MaxText+2*len(r.buf) {
		t.Errorf("%d bytes were received, %v", received, err)
	}
}

// TestTakenIsTheCallers: what is received later is not written over what was taken.
func TestTakenIsTheCallers(t *testing.T) {
	t.Parallel()
	r := NewReader(from([]part{with([]int{3, 4, 5}, "\x00"), with([]int{6}, "\x00")}))
	first, _ := r.Descriptors(2)
	first = append(first, 99)
	if second, err := r.Descriptors(2); !slices.Equal(second, []int{5, 6}) || err != nil || !slices.Equal(first, []int{3, 4, 99}) {
		t.Errorf("taken were %v, then %v, %v", first, second, err)
	}
}
