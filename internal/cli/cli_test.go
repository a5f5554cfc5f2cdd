package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/takeover"
	"github.com/systemfd/systemfd/internal/testkit"
	"github.com/systemfd/systemfd/internal/unitfile"
)

func TestSplitCommand(t *testing.T) {
	t.Parallel()
	words := strings.Fields
	tests := []struct {
		args, own, command []string
		split              bool
	}{
		{nil, nil, nil, false},
		{words("-s 3000 srv"), words("-s 3000 srv"), nil, false},
		{words("-s 3000 -- srv -v"), words("-s 3000"), words("srv -v"), true},
		{words("-- srv"), nil, words("srv"), true},
		{words("-s 3000 --"), words("-s 3000"), nil, true},
		{words("--"), nil, nil, true},
		{words("-- srv -- a --"), nil, words("srv -- a --"), true},
		{words("-- --"), nil, words("--"), true},
		{[]string{"--", "", "a b"}, nil, []string{"", "a b"}, true},
		{words("-s --x --- srv"), words("-s --x --- srv"), nil, false},
	}
	for _, test := range tests {
		own, command, split := splitCommand(test.args)
		if !slices.Equal(own, test.own) || !slices.Equal(command, test.command) || split != test.split {
			t.Errorf("%q is %q, %q, %v; want %q, %q, %v", test.args, own, command, split, test.own, test.command, test.split)
		}
	}
}

var (
	_, badSpec = spec.Parse("frob::1")
	_, badSet  = listenfds.Parse(func(string) (string, bool) { return "x", true })
)

var exitStatusTests = []struct {
	err  error
	want int
}{
	{nil, 0},
	{&usageError{"no command", ""}, 2},
	{&parseError{errors.New("kong's")}, 2},
	{superfluous("no", ""), 2},
	{&hinted{badSpec, "way out"}, 2},
	{badSpec, 2},
	{fmt.Errorf("around it: %w", badSpec), 2},
	{errors.New("something"), 125},
	{fs.ErrNotExist, 125}, // of another file than the command
	{badSet, 125},
	{&unitfile.MapError{Text: "no"}, 2},
	{&holder.Error{Text: "in use"}, 125},
	{&socket.Error{Text: "in use"}, 125},
	{&socket.Error{Text: "no directory", Err: fs.ErrNotExist}, 125},
	{&takeover.InheritError{FD: 3, Is: "closed", Closed: true}, 125},
	{asSubcommandError(nil), 0},
	{asSubcommandError(&failure{"no", ""}), 1},
	{asSubcommandError(&socket.Error{Text: "in use"}), 1},
	{asSubcommandError(&usageError{"unknown flag", ""}), 2},
	{asSubcommandError(badSpec), 2},
	{&handoff.ExecError{Name: "srv", Err: fs.ErrPermission}, 126},
	{&handoff.ExecError{Name: "srv", Err: errors.New("exec format error")}, 126},
	{&handoff.ExecError{Name: "srv", Err: fs.ErrNotExist}, 127},
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	for _, test := range exitStatusTests {
		if got := exitStatus(test.err); got != test.want {
			t.Errorf("%v: exit status %d, want %d", test.err, got, test.want)
		}
	}
}

func TestParseFlags(t *testing.T) {
	t.Parallel()
	var flags runFlags
	if err := parseFlags(&flags, []string{"-s", "a,b=/x,y", "--socket=http::3000", "-qb", "7", "--no-pid", "--reuse-port"}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a,b=/x,y", "http::3000"}; !slices.Equal(flags.Socket, want) {
		t.Errorf("sockets %q, want %q", flags.Socket, want)
	}
	if !flags.Quiet || flags.Backlog != "7" || flags.Pid == nil || *flags.Pid || !flags.ReusePort || flags.NoReuse || flags.Color != "" {
		t.Errorf("%+v", flags)
	}
	var defaults runFlags
	if err := parseFlags(&defaults, nil); err != nil {
		t.Fatal(err)
	}
	if o, err := defaults.options(); o != spec.Defaults() || err != nil || defaults.Pid != nil || defaults.Color != "" || defaults.Append || defaults.Nonblock {
		t.Errorf("%+v", defaults)
	}
}

// What sayAll prints without colours. If it is to be quiet, it leaves out the chatter.
const (
	chatter = "~> socket http://127.0.0.1:3000/ -> fd #3\n~> socket http://127.0.0.1:3000/ -> fd #4 (kept open for zsh, pid 1; pid 2)\n" +
		"~> accepting on http://127.0.0.1:3000/ (kept open for zsh, pid 1; pid 2)\n" +
		"~> socket http://127.0.0.1:3000/ -> fd #5 (kept open)\nwarning: 1\nwarning: \\x1b[2J\\x00 \\u0085ä\nhint: do\n"
	errorsAlone = "error: text\nhint: way out\nerror: text\nerror: around: text\nhint: way out\nerror: text\n"
)

func TestPrinter(t *testing.T) {
	t.Parallel()
	if got := sayAll(t, printer{}); got != chatter+errorsAlone {
		t.Errorf("it says\n%swant\n%s", got, chatter+errorsAlone)
	}
	if got := sayAll(t, printer{quiet: true}); got != errorsAlone {
		t.Errorf("quiet, it says\n%swant\n%s", got, errorsAlone)
	}
	coloured := sayAll(t, printer{color: true})
	for _, want := range []string{
		"\x1b[1;32m~>\x1b[0m socket", "\x1b[1;33mwarning:\x1b[0m 1\n",
		"\x1b[1;36mhint:\x1b[0m do\n", "\x1b[1;31merror:\x1b[0m text\n",
	} {
		if !strings.Contains(coloured, want) {
			t.Errorf("coloured, it says %q, want %q in it", coloured, want)
		}
	}
}

// sayAll returns what p prints if it is asked for everything once.
func sayAll(t *testing.T, p printer) string {
	t.Helper()
	var b bytes.Buffer
	p.err = &b
	kept := takeover.Socket{Socket: socket.Socket{Opening: testkit.Openings(t, "http::3000")[0]}}
	p.socket(kept, "fd #3")
	kept.Origin, kept.Owners = takeover.Held, []process.Process{{PID: 1, Name: "zsh"}, {PID: 2}}
	p.socket(kept, "fd #4")
	p.accepting(kept)
	kept.Owners = nil
	p.socket(kept, "fd #5")
	p.warn("1")
	p.warn("\x1b[2J\x00 \u0085ä")
	p.hint("do")
	p.fail(&usageError{"text", "way out"})
	p.fail(&usageError{"text", ""})
	p.fail(fmt.Errorf("around: %w", &usageError{"text", "way out"}))
	p.fail(errors.New("text"))
	return b.String()
}
