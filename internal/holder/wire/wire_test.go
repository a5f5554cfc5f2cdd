package wire

import (
	"errors"
	"strings"
	"testing"
)

// TestHeaderForm is the one line that no version may change.
func TestHeaderForm(t *testing.T) {
	t.Parallel()
	text, err := Lines(Header{Protocol: 2, Error: "no", Hint: "go"}, Header{})
	const want = `{"Protocol":2,"Error":"no","Hint":"go"}` + "\n" + `{"Protocol":0,"Error":"","Hint":""}` + "\n"
	if string(text) != want || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	var later Header
	err = NewReader(from([]part{{text: `{"Protocol":9,"Error":"no","Hint":"go","More":[1]}` + "\n" + `["another form"]` + "\n"}})).Line(&later)
	if later != (Header{9, "no", "go"}) || err != nil {
		t.Errorf("of a later version: %+v, %v", later, err)
	}
}

// room is how long a string may be to fit into MaxText.
const room = MaxText - len(`"`+`"`+"\n")

var linesTests = []struct {
	name     string
	messages []any
	length   int
	err      error
}{
	{"nothing", nil, 0, nil},
	{"two", []any{"a", 1}, len(`"a"` + "\n1\n"), nil},
	{"as large as it may be", []any{strings.Repeat("a", room)}, MaxText, nil},
	{"too large", []any{strings.Repeat("a", room+1)}, 0, ErrTooLarge},
	{"too large together", []any{strings.Repeat("a", room), ""}, 0, ErrTooLarge},
	{"large when it is encoded", []any{strings.Repeat("<", room/2)}, 0, ErrTooLarge},
}

func TestLines(t *testing.T) {
	t.Parallel()
	for _, test := range linesTests {
		text, err := Lines(test.messages...)
		if len(text) != test.length || !errors.Is(err, test.err) {
			t.Errorf("%s: %d bytes, %v; want %d, %v", test.name, len(text), err, test.length, test.err)
		}
	}
	if text, err := Lines(Header{}, func() {}); text != nil || err == nil {
		t.Errorf("a message that is none: %q, %v", text, err)
	}
}

func TestForeignVersion(t *testing.T) {
	t.Parallel()
	if got := ForeignVersion(2, 7); got != "the holder speaks version 2 of the protocol, this systemfd version 7" {
		t.Error(got)
	}
}
