package wire

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// FuzzReader: for any text in any pieces, no descriptor is lost, none is made up, and their order stays. Each
// byte of cuts is a piece of text, of at most 31 bytes, with at most 7 descriptors; each of asks is a call of the
// Reader: a line, or up to 15 descriptors. The seeds are in testdata.
func FuzzReader(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string, cuts, asks []byte) {
		received := 0
		r := NewReader(cut(text, cuts, &received))
		var taken []int
		for _, ask := range asks {
			taken = append(taken, call(t, r, ask)...)
		}
		taken = append(taken, r.Rest()...)
		want := make([]int, received)
		for i := range want {
			want[i] = i + 1
		}
		if !slices.Equal(taken, want) {
			t.Fatalf("received were %d descriptors, and returned %v", received, taken)
		}
	})
}

// cut returns a receive of text, in pieces as cuts say, and behind them as a whole. Its descriptors are 1, 2, 3, and so on:
// last is the latest of them.
func cut(text string, cuts []byte, last *int) func(buf []byte) (int, []int, error) {
	return func(buf []byte) (int, []int, error) {
		size, count := len(text), 0
		if len(cuts) > 0 {
			size, count, cuts = int(cuts[0]>>3), int(cuts[0]&7), cuts[1:]
		}
		n := copy(buf[:min(size, len(buf))], text)
		text = text[n:]
		var fds []int
		for range count {
			*last++
			fds = append(fds, *last)
		}
		return n, fds, nil
	}
}

// call does what ask says, and returns the descriptors that it takes.
func call(t *testing.T, r *Reader, ask byte) []int {
	t.Helper()
	if ask&1 == 0 {
		var message any
		if err := r.Line(&message); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
		return nil
	}
	n := int(ask>>1) & 15
	fds, err := r.Descriptors(n)
	if err == nil && len(fds) != n || err != nil && (fds != nil || !errors.Is(err, io.EOF)) {
		t.Fatalf("%d descriptors are %v, %v", n, fds, err)
	}
	return fds
}

// FuzzReaderLines: however text is cut into pieces, its lines are those that it has as a whole.
func FuzzReaderLines(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		rest := text
		r := NewReader(func(buf []byte) (int, []int, error) {
			n := copy(buf[:min(int(size)+1, len(buf))], rest)
			rest = rest[n:]
			return n, nil, nil
		})
		lines := strings.Split(text, "\n")
		for _, line := range lines[:len(lines)-1] {
			var got, want any
			err, wantErr := r.Line(&got), json.Unmarshal([]byte(line), &want)
			if !reflect.DeepEqual(got, want) || (err == nil) != (wantErr == nil) || err != nil && !errors.Is(err, ErrMalformed) {
				t.Fatalf("line %q is %v, %v; want %v, %v", line, got, err, want, wantErr)
			}
		}
		if err := r.Line(new(any)); !errors.Is(err, io.EOF) {
			t.Fatalf("behind the last line: %v", err)
		}
	})
}

// FuzzRequest: a request that can be read, and is written again, says the same.
func FuzzRequest(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		var r, again Request
		if NewReader(from([]part{{text: text + "\n"}})).Line(&r) != nil {
			return
		}
		written, err := Lines(r)
		if err != nil {
			t.Fatalf("%q cannot be written: %v", text, err)
		}
		if err := NewReader(from([]part{{text: string(written)}})).Line(&again); err != nil {
			t.Fatalf("%q of %q: %v", written, text, err)
		}
		if len(r.Openings) == 0 {
			r.Openings = nil
		}
		if !reflect.DeepEqual(r, again) {
			t.Fatalf("%q says %+v, and %q says %+v", text, r, written, again)
		}
	})
}
