package handoff

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for want, argv := range map[string][]string{
		`a b c`:          {"a", "b", "c"},
		`a "" "b c"`:     {"a", "", "b c"},
		`a\b \\c d\`:     {`a\b`, `\\c`, `d\`},
		`"a b\\"`:        {`a b\`},
		`"a\\b c"`:       {`a\\b c`},
		`"\"" "a\\\"b"`:  {`"`, `a\"b`},
		"\"a\tb\" é=%A%": {"a\tb", "é=%A%"},
	} {
		if got := commandLine(argv); got != want {
			t.Errorf("%q is %s, want %s", argv, got, want)
		}
	}
}

// argvOf reads a command line by the rules of CommandLineToArgvW.
func argvOf(line string) (argv []string) {
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		var b strings.Builder
		isQuoted, slashes := false, 0
		for ; line != "" && (isQuoted || !strings.ContainsAny(line[:1], " \t")); line = line[1:] {
			switch c := line[0]; {
			case c == '\\':
				slashes++
				continue
			case c == '"':
				b.WriteString(strings.Repeat(`\`, slashes/2))
				if slashes%2 == 1 {
					b.WriteByte('"')
				} else {
					isQuoted = !isQuoted
				}
			default:
				b.WriteString(strings.Repeat(`\`, slashes) + string(c))
			}
			slashes = 0
		}
		argv = append(argv, b.String()+strings.Repeat(`\`, slashes))
	}
	return argv
}

// FuzzCommandLine: what is written is read as it was.
func FuzzCommandLine(f *testing.F) {
	for _, arg := range []string{"", "a", "a b", `\`, `"`, `\"`, `a\\`, "\t", `\\" \`} {
		f.Add(arg, arg)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		argv := []string{"program", toASCII(first), toASCII(second)}
		if got := argvOf(commandLine(argv)); !slices.Equal(got, argv) {
			t.Errorf("%q becomes %q by %s", argv, got, commandLine(argv))
		}
	})
}

// toASCII keeps argvOf, which reads bytes, simple.
func toASCII(text string) string {
	return strings.Map(func(r rune) rune {
		if r == 0 || r > 127 {
			return 'x'
		}
		return r
	}, text)
}

func TestBatchLine(t *testing.T) {
	t.Parallel()
	const head = `cmd.exe /e:ON /v:OFF /d /s /c ""C:\npm.cmd"`
	for want, args := range map[string][]string{
		``:                          nil,
		` run dev --port=x`:         {"run", "dev", "--port=x"},
		` "" "a b" "a&b" "^" "(x)"`: {"", "a b", "a&b", "^", "(x)"},
		` "a""b" "a\\""b" "c d\\"`:  {`a"b`, `a\"b`, `c d\`},
		` "a\\" a\b`:                {`a\`, `a\b`},
		` "%%cd:~,%A%%cd:~,%"`:      {"%A%"},
	} {
		got, err := batchLine(`C:\npm.cmd`, args)
		want = head + strings.ReplaceAll(want, "--port=x", `"--port=x"`) + `"`
		if err != nil || got != want {
			t.Errorf("%q is %s, %v, want %s", args, got, err, want)
		}
	}
	for file, args := range map[string][]string{"a.bat": {"b\nc"}, "b.bat": {"\r"}, "%a%.bat": nil, `a".bat`: nil, "a\n.bat": nil} {
		if line, err := batchLine(file, args); !errors.Is(err, errUnquotable) || line != "" {
			t.Errorf("%q, %q is %s, %v", file, args, line, err)
		}
	}
	for file, want := range map[string]bool{"a.bat": true, "a.CMD": true, "a.cmd.exe": false, "bat": false, "": false} {
		if isBatch(file) != want {
			t.Errorf("%q: %v", file, !want)
		}
	}
}
