package handoff

import (
	"errors"
	"path/filepath"
	"strings"
)

// errUnquotable means that there is no way to write an argument for cmd.exe, which runs batch files.
var errUnquotable = errors.New("an argument of a batch file cannot hold a line break, and its name no %, \" or line break")

// commandLine writes argv as CommandLineToArgvW and the C runtime of Microsoft read it.
func commandLine(argv []string) string {
	words := make([]string, len(argv))
	for i, arg := range argv {
		words[i] = arg
		if arg == "" || strings.ContainsAny(arg, " \t\n\v\"") {
			words[i] = quoted(arg, `\`)
		}
	}
	return strings.Join(words, " ")
}

// quoted puts arg into quotes. Backslashes count double only in front of a quote. Escape stands in front of one that is part of arg.
func quoted(arg, escape string) string {
	var b strings.Builder
	backslashes := 0
	b.WriteByte('"')
	for i := range len(arg) {
		switch arg[i] {
		case '\\':
			backslashes++
		case '"':
			b.WriteString(strings.Repeat(`\`, backslashes) + escape)
			backslashes = 0
		default:
			backslashes = 0
		}
		b.WriteByte(arg[i])
	}
	return b.String() + strings.Repeat(`\`, backslashes) + `"`
}

// isBatch reports whether cmd.exe has to run a file.
func isBatch(file string) bool {
	extension := filepath.Ext(file)
	return strings.EqualFold(extension, ".bat") || strings.EqualFold(extension, ".cmd")
}

// plainInBatch are the characters that cmd.exe does not look at.
const plainInBatch = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789#$*+-./:?@\\_"

// batchLine writes the command line of cmd.exe for a batch file. Cmd.exe knows no way to escape a % in quotes: an empty part of a
// variable that is always there stands between it and what could be a name. It takes "" for a quote.
func batchLine(file string, args []string) (string, error) {
	if strings.ContainsAny(file, "%\"\r\n") {
		return "", errUnquotable
	}
	var b strings.Builder
	b.WriteString(`cmd.exe /e:ON /v:OFF /d /s /c ""` + file + `"`)
	for _, arg := range args {
		if strings.ContainsAny(arg, "\r\n") {
			return "", errUnquotable
		}
		if arg == "" || strings.Trim(arg, plainInBatch) != "" || strings.HasSuffix(arg, `\`) {
			arg = strings.ReplaceAll(quoted(arg, `"`), "%", "%%cd:~,%")
		}
		b.WriteString(" " + arg)
	}
	return b.String() + `"`, nil
}
