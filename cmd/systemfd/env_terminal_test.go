//go:build unix

package main

import (
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"github.com/systemfd/systemfd/internal/testkit"
)

// envOnTerminalTests have flags, and the line that evaluates what they print.
var envOnTerminalTests = map[string]string{
	"-s http::0":                    `eval "$(systemfd env -s http::0)"`,
	"-s http::0 --shell sh":         `eval "$(systemfd env -s http::0 --shell sh)"`,
	"-s http::0 --shell fish":       "systemfd env -s http::0 --shell fish | source",
	"-s http::0 --shell csh":        "eval `systemfd env -s http::0 --shell csh`",
	"-s http::0 --shell powershell": "systemfd env -s http::0 --shell powershell | Out-String | Invoke-Expression",
	"-s http::0 --json":             "systemfd env -s http::0 --json | cat",
	"--unset":                       `eval "$(systemfd env --unset)"`,
}

// TestEnvOnTerminal prints to a terminal. Nothing evaluates code there, so none is printed, and nothing is started.
func TestEnvOnTerminal(t *testing.T) {
	t.Parallel()
	for flags, hint := range envOnTerminalTests {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			got, status := onTerminal(p, append([]string{"systemfd", "env"}, strings.Fields(flags)...)...)
			want := "error: standard output is a terminal, nothing would evaluate the code\nhint: " + hint + "\n"
			if got != want || status != 1 {
				t.Errorf("exit %d, and %q; want %q", status, got, want)
			}
			if entries, err := os.ReadDir(p.Runtime); err != nil || len(entries) > 0 || len(p.Holders()) > 0 {
				t.Errorf("the runtime directory has %v, %v; the holders are %v", entries, err, p.Holders())
			}
		})
	}
}

// TestWrongEnvOnTerminal: no code for what is wrong, either.
func TestWrongEnvOnTerminal(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]string{
		"":       "error: this shell was started without sockets\nhint: say which to keep open: eval \"$(systemfd env -s http::3000)\"\n",
		"3000":   "error: unexpected argument \"3000\"\nhint: put \"-s\" before each socket: eval \"$(systemfd env -s 3000)\"\n",
		"-s a:b": "error: bad socket \"a:b\": port \"b\" is not a number from 0 to 65535\nhint: 0 stands for any free port\n",
	} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			p := testkit.NewProject(t)
			if got, _ := onTerminal(p, append([]string{"systemfd", "env"}, strings.Fields(flags)...)...); got != want {
				t.Errorf("it says %q; want %q", got, want)
			}
		})
	}
}

// onTerminal runs a command on a terminal, and returns what it has put there.
func onTerminal(p *testkit.Project, argv ...string) (screen string, status int) {
	p.T.Helper()
	cmd := p.Command(argv...)
	tty, err := pty.Start(cmd)
	if err != nil {
		p.T.Fatal(err)
	}
	defer tty.Close()
	text, err := io.ReadAll(tty)
	if err != nil && !errors.Is(err, syscall.EIO) { // Linux says so after the end of the last process on the terminal
		p.T.Fatal(err)
	}
	cmd.Wait()
	return strings.ReplaceAll(string(text), "\r\n", "\n"), cmd.ProcessState.ExitCode()
}

// TestEnvHintInShell types systemfd env in each shell, and then the hint: the sockets are kept open.
func TestEnvHintInShell(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		argv []string
		hint string
	}{
		{[]string{"bash", "--norc", "--noprofile"}, `eval "$(systemfd env -s 'unix::./a b' -s http::0)"`},
		{[]string{"zsh", "-f"}, `eval "$(systemfd env -s 'unix::./a b' -s http::0)"`},
		{[]string{"fish", "--no-config"}, "systemfd env -s 'unix::./a b' -s http::0 --shell fish | source"},
		{[]string{"tcsh", "-f"}, "eval `systemfd env -s 'unix::./a b' -s http::0 --shell tcsh`"},
	} {
		t.Run(test.argv[0], func(t *testing.T) {
			t.Parallel()
			testkit.Need(t, test.argv[0])
			p := testkit.NewProject(t)
			shell := p.Terminal(test.argv...)
			shell.Types("systemfd env -s 'unix::./a b' -s http::0")
			found := testkit.Find(t, "the hint", func() (string, bool) {
				match := regexp.MustCompile(`hint: ([^\r\n]+)\r?\n`).FindStringSubmatch(shell.Screen())
				if match == nil {
					return "", false
				}
				return match[1], true
			})
			if found != test.hint {
				t.Errorf("the hint is %q, want %q", found, test.hint)
			}
			shell.Does(found)
			if held := p.Held(); len(held) != 2 {
				t.Errorf("kept open is %v", held)
			}
		})
	}
}
