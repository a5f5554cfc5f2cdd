package shell

import (
	"strings"
	"unicode"
)

// Dotenv is the name for env files, which are no shell: files of KEY=VALUE lines, which editors, CI systems, Node and Compose read. They
// cannot unset a variable, and cannot fail.
const Dotenv = "dotenv"

type dotenv struct{}

func (dotenv) Set(name, value string) string { return name + "=" + dotenvQuoted(value) }
func (dotenv) SetPID(string) string          { return "" }
func (dotenv) Unset(string) string           { return "" }
func (dotenv) Fail() string                  { return "" }
func (dotenv) Eval(command string) string    { return command + " >.env" }

// DotenvHolds reports whether all readers of env files read value in the same way. There is no standard: some know no quotes, others
// differ in the meaning of a backslash, and python-dotenv expands ${NAME} even in single quotes.
func DotenvHolds(value string) bool {
	return isBare(value) || inSingleQuotes(value) || inDoubleQuotes(value)
}

// dotenvQuoted uses quotes only if it must.
func dotenvQuoted(value string) string {
	switch {
	case isBare(value):
		return value
	case inSingleQuotes(value):
		return "'" + value + "'"
	}
	return `"` + value + `"`
}

// isBare allows "~" at a place at which no shell expands it: SYSTEMFD_SOCKETS has such a "~".
func isBare(value string) bool {
	return !strings.HasPrefix(value, "~") && !strings.Contains(value, ":~") && isPlain(strings.ReplaceAll(value, "~", "-"))
}

func inSingleQuotes(value string) bool {
	isEscaped := strings.Contains(value, `\\`) || strings.HasSuffix(value, `\`)
	return !isEscaped && !strings.Contains(value, "'") && !strings.Contains(value, "${") && !strings.ContainsFunc(value, unicode.IsControl)
}

func inDoubleQuotes(value string) bool {
	return !strings.ContainsAny(value, "\"\\$`") && !strings.ContainsFunc(value, unicode.IsControl)
}
