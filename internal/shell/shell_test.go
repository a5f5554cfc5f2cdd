package shell

import (
	"slices"
	"strings"
	"testing"
)

// spellings is what each shell's own manual says; cmd/systemfd has the shells themselves evaluate it.
var spellings = []struct {
	names                          []string
	set, setPID, unset, fail, eval string
}{
	{
		[]string{"sh", "bash", "dash", "ksh", "zsh"},
		"export A='x,y:1';", "export A=$$;", "unset A;", "false;", `eval "$(systemfd env -s 0)"`,
	},
	{
		[]string{"fish"},
		"set -gx A 'x,y:1';", "set -gx A $fish_pid;", "set -e A; or true;", "false;", "systemfd env -s 0 | source",
	},
	{
		[]string{"csh", "tcsh"},
		"setenv A 'x,y:1';", "setenv A $$;", "unsetenv A;", "false;", "eval `systemfd env -s 0`",
	},
	{
		[]string{"powershell", "pwsh"},
		"$env:A = 'x,y:1';", "$env:A = $PID;", "Remove-Item Env:A -ErrorAction SilentlyContinue;", "throw 'systemfd env failed';",
		"systemfd env -s 0 | Out-String | Invoke-Expression",
	},
	{
		[]string{"xonsh"},
		"$A = 'x,y:1';", "$A = str(__import__('os').getpid());", "${...}.pop('A', None);", "raise RuntimeError('systemfd env failed');",
		"execx($(systemfd env -s 0))",
	},
	{
		[]string{"elvish"},
		"set-env A 'x,y:1';", "set-env A $pid;", "unset-env A;", "fail 'systemfd env failed';", "eval (systemfd env -s 0 | slurp)",
	},
	{[]string{"cmd"}, "A=x,y:1", "", "A=", "", `for /f "delims=" %i in ('systemfd env -s 0') do @set "%i"`},
	{[]string{"dotenv"}, "A=x,y:1", "", "", "", "systemfd env -s 0 >.env"},
}

// TestSetQuotes: a value stays one, whatever it holds.
func TestSetQuotes(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]map[string]string{
		"sh":         {"it's": `export A='it'\''s';`, "$(x) `y` \"\\": "export A='$(x) `y` \"\\';"},
		"fish":       {"it's": `set -gx A 'it\'s';`, `\'$(x)`: `set -gx A '\\\'$(x)';`},
		"csh":        {"it's": `setenv A 'it'\''s';`, "a!b\nc": "setenv A 'a\\!b\\\nc';"},
		"powershell": {"it's": `$env:A = 'it''s';`, "a\u2019b\u201b": "$env:A = 'a\u2019\u2019b\u201b\u201b';"},
		"xonsh":      {`it's $HOME\`: `$A = 'it\'s $HOME\\';`, "a\r\nb": `$A = 'a\r\nb';`},
		"cmd":        {`it's "a" & b^%c%`: `A=it's "a" & b^%c%`},
		"elvish":     {`it's $HOME\`: `set-env A 'it''s $HOME\';`},
		"dotenv": {
			"a=b/c%20@~mode=1": "A=a=b/c%20@~mode=1", "~a": "A='~a'", "a:~b": "A='a:~b'", "": "A=''", `a "b" $c \d #`: `A='a "b" $c \d #'`, "it's": `A="it's"`, "é": "A='é'",
		},
	} {
		s, _ := Lookup(name)
		for value, want := range values {
			if got := s.Set("A", value); got != want {
				t.Errorf("%s sets %q by %s, want %s", name, value, got, want)
			}
		}
	}
}

func TestSpellings(t *testing.T) {
	t.Parallel()
	for _, want := range spellings {
		for _, name := range want.names {
			s, ok := Lookup(name)
			if !ok {
				t.Errorf("there is no %s", name)
				continue
			}
			for got, want := range map[string]string{
				s.Set("A", "x,y:1"):         want.set,
				s.SetPID("A"):               want.setPID,
				s.Unset("A"):                want.unset,
				s.Fail():                    want.fail,
				s.Eval("systemfd env -s 0"): want.eval,
			} {
				if got != want {
					t.Errorf("%s spells %q, want %q", name, got, want)
				}
			}
		}
	}
}

// Every name is in spellings; no other is known, not even in capitals or as a path.
func TestNames(t *testing.T) {
	t.Parallel()
	var want []string
	for _, s := range spellings {
		want = append(want, s.names...)
	}
	slices.Sort(want)
	if got := Names(); !slices.Equal(got, want) {
		t.Errorf("names are %q, want %q", got, want)
	}
	for _, name := range []string{"", "SH", "/bin/sh", "nu", "sh "} {
		if s, ok := Lookup(name); ok || s != nil {
			t.Errorf("%q is %v", name, s)
		}
	}
}

// A statement is one line that ends in ";": unquoted in eval $(...), a blank is all that is left of the newline, and names of files may
// take the place of a pattern. Xonsh and elvish have no unquoted form.
func TestStatementsJoin(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		special := "\n*?[{\\`\""
		switch name {
		case Dotenv, "cmd":
			continue
		case "xonsh", "elvish":
			special = "\n"
		}
		s, _ := Lookup(name)
		for _, statement := range []string{s.Set("A", "x"), s.SetPID("A"), s.Unset("A"), s.Fail()} {
			if strings.ContainsAny(statement, special) || !strings.HasSuffix(statement, ";") {
				t.Errorf("%s: %q does not stand in a line with others", name, statement)
			}
		}
	}
}

// TestDotenvHolds: what cannot be written for all readers is refused.
func TestDotenvHolds(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"a:b": true, "it's": true, `say "it"`: true, "$HOME": true, `a\b`: true, "": true,
		`it's "x"`: false, "it's $x": false, "${HOME}": false, `a\\b`: false, `a\`: false, "a\nb": false, "a\rb": false,
	} {
		if got := DotenvHolds(value); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}
