package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/mattn/go-isatty"

	"github.com/systemfd/systemfd/internal/file"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/takeover"
)

// printer says everything that systemfd says. What was asked for (help, version, --info-file=-) goes to
// standard output; all else to standard error:
//
//	~> socket http://127.0.0.1:3000/ -> fd #3
//	warning: ...
//	error: cannot ..., the offending thing quoted, no full stop
//	hint: what to do next
type printer struct {
	out, err io.Writer
	color    bool
	quiet    bool // only errors and their hints
}

var (
	stdout file.Stream = func(text []byte) (int, error) { return syscall.Write(syscall.Stdout, text) }
	stderr file.Stream = func(text []byte) (int, error) { return syscall.Write(syscall.Stderr, text) }
)

func newPrinter(out io.Writer, err *os.File) *printer {
	return &printer{out: out, err: stderr, color: wantsColor("auto", err)}
}

// wantsColor says whether --color=mode colours what goes to f: https://no-color.org and
// https://bixense.com/clicolors for auto.
func wantsColor(mode string, f *os.File) bool {
	switch force := os.Getenv("CLICOLOR_FORCE"); {
	case mode != "auto":
		return mode == "always"
	case os.Getenv("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	}
	return isatty.IsTerminal(f.Fd()) && os.Getenv("TERM") != "dumb" && process.ShowsColors(f)
}

// The colours, as SGR parameters of ECMA-48.
const (
	red    = "1;31"
	green  = "1;32"
	yellow = "1;33"
	cyan   = "1;36"
)

func (p *printer) line(color, head, text string) {
	io.WriteString(p.err, paint(p.color, color, head)+" "+escaped(text)+"\n")
}

// paint colours text if that is wanted.
func paint(isWanted bool, color, text string) string {
	if !isWanted || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// colorsOut says whether an answer is coloured.
func (p *printer) colorsOut() bool {
	f, ok := p.out.(*os.File)
	return ok && wantsColor("auto", f)
}

// answer prints what was asked for; if that is nothing, not even a line.
func (p *printer) answer(text string) {
	if text != "" {
		io.WriteString(p.out, text+"\n")
	}
}

// escaped returns text with control characters spelled out: what others chose, a process name or a path, must not
// reach the terminal as it is.
func escaped(text string) string {
	if !strings.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// printable returns text so that it stays on its line: a path may hold anything.
func printable(text string) string {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return strconv.Quote(text)
	}
	return text
}

// socket tells of a socket that COMMAND gets.
func (p *printer) socket(s takeover.Socket, place string) {
	p.say(fmt.Sprintf("socket %s -> %s%s", s.Display(), place, keptOpen(s)))
}

// accepting tells of a socket for whose connections COMMAND is started.
func (p *printer) accepting(s takeover.Socket) {
	p.say("accepting on " + s.Display() + keptOpen(s))
}

// proxying tells of a socket in front of COMMAND, which serves at a private port.
func (p *printer) proxying(s takeover.Socket, port int) {
	p.say(fmt.Sprintf("socket %s -> port %d%s", s.Display(), port, keptOpen(s)))
}

// keptOpen is for whom a socket was kept open, "" if it was not.
func keptOpen(s takeover.Socket) string {
	if s.Origin != takeover.Held {
		return ""
	}
	return " (kept open" + forWhom(s.Owners) + ")"
}

// forWhom is " for zsh, pid 12", "" without owners.
func forWhom(owners []process.Process) string {
	var names []string
	for _, p := range owners {
		names = append(names, strings.TrimPrefix(fmt.Sprintf("%s, pid %d", p.Name, p.PID), ", "))
	}
	if len(names) == 0 {
		return ""
	}
	return " for " + strings.Join(names, "; ")
}

// isOnTerminal reports whether what is asked for goes to a terminal.
func (p *printer) isOnTerminal() bool {
	f, ok := p.out.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// say tells what was done.
func (p *printer) say(text string) {
	if !p.quiet {
		p.line(green, "~>", text)
	}
}

func (p *printer) warn(texts ...string) {
	for _, text := range texts {
		if !p.quiet {
			p.line(yellow, "warning:", text)
		}
	}
}

func (p *printer) hint(text string) {
	if !p.quiet {
		p.line(cyan, "hint:", text)
	}
}

// fail prints an error, and below it the way out if the error knows one. --quiet keeps both.
func (p *printer) fail(err error) {
	p.line(red, "error:", err.Error())
	if hint := hintOf(err); hint != "" {
		p.line(cyan, "hint:", hint)
	}
}

// hintOf returns the way out, "" if there is none. Too few descriptors have the same one wherever they show.
func hintOf(err error) string {
	hinter, ok := errors.AsType[interface {
		error
		Hint() string
	}](err)
	if ok && hinter.Hint() != "" {
		return hinter.Hint()
	}
	if errors.Is(err, syscall.EMFILE) {
		return "raise the limit of open files: ulimit -n"
	}
	return ""
}
