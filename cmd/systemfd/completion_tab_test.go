//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/systemfd/systemfd/internal/testkit"
)

// typist is an interactive shell in which Control-T writes the line that is being edited to the file answers. In bash, it turns the
// line into a comment, which is then in the history: bash 3.2 has no READLINE_LINE.
type typist struct {
	*testkit.Terminal
	seen    int // of the screen
	answers int
}

const (
	killLine  = "\x15"
	writeLine = "\x14"
	allOfThem = "\x1b*" // of bash; bound to the same in zsh
	prompt    = "ready> "
)

// newTypist starts a shell whose prompt is prompt.
func newTypist(p *testkit.Project, argv ...string) *typist {
	p.T.Helper()
	tab := &typist{Terminal: p.Terminal(argv...)}
	tab.awaits(prompt)
	return tab
}

// awaits waits for what the shell puts on the screen next.
func (tab *typist) awaits(pattern string) {
	tab.T.Helper()
	re := regexp.MustCompile("(?s)" + pattern)
	testkit.Await(tab.T, "the screen to show "+pattern, func() bool {
		at := re.FindStringIndex(tab.Screen()[tab.seen:])
		if at != nil {
			tab.seen += at[1]
		}
		return at != nil
	})
}

// line returns the line after the keys.
func (tab *typist) line(keys string) string {
	tab.T.Helper()
	tab.Press(killLine + keys + writeLine)
	tab.answers++
	return testkit.Find(tab.T, fmt.Sprintf("the line after %q", keys), func() (string, bool) {
		text, _ := os.ReadFile(tab.Path("answers"))
		lines := strings.Split(string(text), "\n")
		if len(lines) <= tab.answers {
			return "", false
		}
		return lines[tab.answers-1], true
	})
}

// candidates returns all that Tab offers after line. Readline replaces the text after the last of breaks by all of them.
func (tab *typist) candidates(line, breaks string) []string {
	tab.T.Helper()
	before := line[:strings.LastIndexAny(line, breaks)+1]
	word := before[strings.LastIndex(before, " ")+1:]
	answer := tab.line(line + allOfThem)
	if answer == line {
		return nil
	}
	var all []string
	for _, candidate := range strings.Fields(strings.TrimPrefix(answer, before)) {
		all = append(all, word+candidate)
	}
	return all
}

// startBash starts bash with the script.
func startBash(t *testing.T, way bashWay) *typist {
	t.Helper()
	testkit.Need(t, "bash")
	p := completionProject(t)
	p.Write(".rc", way.before+`
`+completionOfPage(t, "bash")[0]+`
`+way.after+`
_frob() { COMPREPLY=($(compgen -W 'alpha beta' -- "$2")); }
complete -F _frob frob
complete -W 'alpha beta' frobnicate
bind 'set bell-style none'
bind 'set completion-query-items 0'
bind 'set page-completions off'
bind '"\C-t": "\C-a#\C-m"'
PROMPT_COMMAND='history 1 | sed "s/^ *[0-9]*\*\{0,1\} *#//" >>answers'
PS1='`+prompt+`'
`)
	return newTypist(p, "bash", "--noprofile", "--rcfile", ".rc", "-i")
}

// TestBashTab presses Tab as a person does.
func TestBashTab(t *testing.T) {
	t.Parallel()
	for name, way := range bashes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tab := startBash(t, way)
			checkTabs(tab)
			if !way.isOld {
				checkNotes(tab)
			}
			tab.Press(killLine + "systemfd --unit \t\t")
			tab.awaits(`\sapp\.socket +sub/\s.*` + prompt + "systemfd --unit ")
			for keys, want := range map[string]string{
				"systemfd --col\t":                 "systemfd --color ",
				"systemfd --info-file='tw\t":       "systemfd --info-file='two words.txt' ",
				`systemfd -s "unix::oth` + "\t":    `systemfd -s "unix::other.txt" `,
				"systemfd -u app.socket --map 8\t": "systemfd -u app.socket --map 80=",
			} {
				if got := tab.line(keys); strings.TrimSuffix(got, " ") != strings.TrimSuffix(want, " ") {
					t.Errorf("%q makes %q, want %q", keys, got, want)
				}
			}
		})
	}
}

// checkNotes looks at what bash lists behind the candidates.
func checkNotes(tab *typist) {
	tab.T.Helper()
	tab.Press(killLine + "systemfd --color=\t\t")
	tab.awaits(`always +\(also into a file or a pipe\).*auto +\(if stderr is a terminal\).*never .*` + prompt + "systemfd --color=")
	tab.Press(killLine + "systemfd -s web=http\t\t")
	tab.awaits(`http:: +\(tcp listener\).*https:: +\(tcp listener\).*` + prompt + "systemfd -s web=http")
	tab.Press(killLine + "systemfd --no-\t\t")
	tab.awaits(`--no-pid +\(no LISTEN_PID\).*--no-reuse +\(do not set SO_REUSEADDR`)
	tab.Press(killLine + "systemfd stop \t\t")
	tab.awaits(`shared +\(\S+, \S+, \S+ of /.*\).*web +\(http://127\.0\.0\.1:\d+/\)`)
}

// checkTabs are the lines after Tab, which bash and zsh have in common.
func checkTabs(tab *typist) {
	tab.T.Helper()
	for keys, want := range map[string]string{
		"systemfd --color=al\t":                    "systemfd --color=always ",
		"systemfd -s tc\t":                         "systemfd -s tcp::",
		"systemfd -s tc\t3000 --ap\t":              "systemfd -s tcp::3000 --append ",
		"systemfd --socket=web=unix::su\t":         "systemfd --socket=web=unix::sub/",
		"systemfd -s web=unix::./oth\t":            "systemfd -s web=unix::./other.txt ",
		"systemfd --info-file=two\t":               `systemfd --info-file=two\ words.txt `,
		"systemfd --info-file two\\ w\t":           `systemfd --info-file two\ words.txt `,
		"systemfd -s web=http::0 -- frob al\t":     "systemfd -s web=http::0 -- frob alpha ",
		"systemfd --info-file sub\t":               "systemfd --info-file sub/",
		"true | FOO=1 systemfd -s web=unix::./s\t": "true | FOO=1 systemfd -s web=unix::./sub/",
	} {
		if got := tab.line(keys); strings.TrimSuffix(got, " ") != strings.TrimSuffix(want, " ") {
			tab.T.Errorf("%q makes %q, want %q", keys, got, want)
		}
	}
}

// startZsh starts zsh, which finds the script as packages install it, or sources it.
func startZsh(t *testing.T, source bool) *typist {
	t.Helper()
	testkit.Need(t, "zsh")
	p := completionProject(t)
	load := "fpath=(" + filepath.Dir(completionScript(t, "zsh")) + " $fpath)\nautoload -Uz compinit; compinit -u -D\n"
	if source {
		load = "autoload -Uz compinit; compinit -u -D\n" + completionOfPage(t, "zsh")[0] + "\n"
	}
	p.Write(".zshrc", load+`
_frob() { compadd alpha beta }
compdef _frob frob
unsetopt beep auto_menu list_ambiguous
zle -C all-of-them complete-word _generic
zstyle ':completion:all-of-them:*' completer _all_matches _complete
zstyle ':completion:all-of-them:*' insert yes
bindkey '^[*' all-of-them
write-line() { print -r -- "$BUFFER" >>answers }
zle -N write-line
bindkey '^T' write-line
bindkey '^U' kill-whole-line
PS1='`+prompt+`'
`)
	p.Env = append(p.Env, "ZDOTDIR="+p.Dir)
	return newTypist(p, "zsh", "--no-globalrcs", "-i")
}

// TestZshTab presses Tab as a person does.
func TestZshTab(t *testing.T) {
	t.Parallel()
	tab := startZsh(t, false)
	checkTabs(tab)
	tab.Press(killLine + "systemfd --color=\t\t")
	tab.awaits(`always +-- also into a file or a pipe.*auto +-- if stderr is a terminal`)
}
