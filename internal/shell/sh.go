package shell

import "strings"

// sh is every shell of POSIX: bash, zsh, dash, ksh, yash, busybox.
type sh struct{}

func (sh) Set(name, value string) string { return "export " + name + "=" + singleQuoted(value) + ";" }
func (sh) SetPID(name string) string     { return "export " + name + "=$$;" }
func (sh) Unset(name string) string      { return "unset " + name + ";" }
func (sh) Fail() string                  { return "false;" }
func (sh) Eval(command string) string    { return `eval "$(` + command + `)"` }

// Quote returns word as a POSIX shell reads it, in single quotes if it has to be.
func Quote(word string) string {
	if isPlain(word) {
		return word
	}
	return singleQuoted(word)
}

// isPlain reports whether every shell takes text as it is.
func isPlain(text string) bool {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/:@%+,=-"
	return text != "" && strings.Trim(text, plain) == ""
}

func singleQuoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// Join returns words as a command line of a POSIX shell.
func Join(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = Quote(word)
	}
	return strings.Join(quoted, " ")
}
