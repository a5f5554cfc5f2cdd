package share

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const secret = "59fb60fe-2634-4ec8-aa81-038793888c8e"

func TestParseRequest(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint32{
		secret + "|1": 1, secret + "|4294967295": 1<<32 - 1, secret + "|007": 7, "a b|12": 12,
		strings.Repeat("x", MaxRequest-3) + "|12": 12,
		"": 0, "|": 0, "|12": 0, secret: 0, secret + "|": 0, secret + "|0": 0, secret + "|-1": 0, secret + "|+1": 0, secret + "|4294967296": 0,
		secret + "|12\n": 0, secret + "|1 2": 0, secret + "|12|13": 0, secret + "|0x12": 0, secret + "|1_2": 0, secret + "|１": 0,
		strings.Repeat("x", MaxRequest-2) + "|12": 0,
	} {
		got, pid, err := ParseRequest([]byte(text))
		before, _, _ := strings.Cut(text, "|")
		switch {
		case want == 0 && (!errors.Is(err, ErrMalformed) || got != "" || pid != 0):
			t.Errorf("%q is of %q, %d, %v", text, got, pid, err)
		case want != 0 && (err != nil || got != before || pid != want):
			t.Errorf("%q is of %q, %d, %v, want %d", text, got, pid, err, want)
		}
	}
}

func TestParseAnswer(t *testing.T) {
	t.Parallel()
	for length, want := range map[int]int{
		0: 0, InfoSize: 1, 3 * InfoSize: 3, MaxSockets * InfoSize: MaxSockets,
		1: -1, InfoSize - 1: -1, InfoSize + 1: -1, (MaxSockets + 1) * InfoSize: -1,
	} {
		text := make([]byte, length)
		for i := range text {
			text[i] = byte(i / InfoSize)
		}
		infos, err := ParseAnswer(text)
		if want < 0 != errors.Is(err, ErrMalformed) || len(infos) != max(want, 0) {
			t.Errorf("%d bytes are %d sockets, %v, want %d", length, len(infos), err, want)
		}
		for i, info := range infos {
			if info[0] != byte(i) || info[InfoSize-1] != byte(i) {
				t.Errorf("of %d sockets, number %d is that of %d", len(infos), i, info[0])
			}
		}
	}
}

func TestFormatUUID(t *testing.T) {
	t.Parallel()
	isV4 := regexp.MustCompile("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
	for bits, want := range map[byte]string{
		0x00: "00000000-0000-4000-8000-000000000000",
		0xff: "ffffffff-ffff-4fff-bfff-ffffffffffff",
	} {
		got := FormatUUID([16]byte(bytes.Repeat([]byte{bits}, 16)))
		if got != want || !isV4.MatchString(got) {
			t.Errorf("%x is %s, want %s", bits, got, want)
		}
	}
}

// FuzzRequest: what is read is written in the same way, but for zeros in front of the number.
func FuzzRequest(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		secret, pid, err := ParseRequest(text)
		if err != nil {
			return
		}
		again, pidAgain, err := ParseRequest(FormatRequest(secret, pid))
		if err != nil || again != secret || pidAgain != pid || strings.Contains(secret, "|") {
			t.Errorf("%q is of %q, %d, and that is of %q, %d, %v", text, secret, pid, again, pidAgain, err)
		}
		if number := strings.TrimLeft(string(text[len(secret)+1:]), "0"); number != fmt.Sprint(pid) {
			t.Errorf("%q is %d", text, pid)
		}
	})
}

// FuzzAnswer: what is taken is all that was sent.
func FuzzAnswer(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		infos, err := ParseAnswer(text)
		if err != nil {
			return
		}
		var again []byte
		for _, info := range infos {
			again = slices.Concat(again, info[:])
		}
		if !bytes.Equal(again, text) {
			t.Errorf("%d bytes become %d", len(text), len(again))
		}
	})
}
