package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/systemfd/systemfd/internal/handoff"
	"github.com/systemfd/systemfd/internal/shell"
)

// commandHint says how to run a command that could not be executed; "" if it does not know.
func commandHint(args []string, failed *handoff.ExecError) string {
	l := meantLine(args)
	if len(l.command) == 0 || l.command[0] != failed.Name {
		return ""
	}
	name := failed.Name
	switch {
	case name == "":
		return "COMMAND is empty: is a variable in that line not set?"
	case isFlag(name):
		return hintWithoutSplit(args, `flags of systemfd go before "--"`)
	case findSubcommand(name) != nil, isSocket(name), isUnit(name):
		return hintWithoutSplit(args, "")
	case errors.Is(failed, fs.ErrPermission) && isProgram(name):
		return "make it executable: chmod +x " + shell.Quote(name)
	}
	advice, command := meantCommand(l.command)
	if command == nil {
		return ""
	}
	l.command = command
	return advise(advice, l.String())
}

// hintWithoutSplit is the hint if the words behind "--" belong to systemfd.
func hintWithoutSplit(args []string, advice string) string {
	i := slices.Index(args, "--")
	l := meantLine(slices.Delete(slices.Clone(args), i, i+1))
	if l.isLost {
		return advice
	}
	if l.mistake != nil && advice == "" {
		advice = l.mistake.hint
	}
	return advise(advice, l.String())
}

// meantCommand returns the command that was meant; nil if it does not know.
func meantCommand(command []string) (advice string, meant []string) {
	name, rest := command[0], command[1:]
	variable, _, isAssigned := strings.Cut(name, "=")
	switch {
	case strings.ContainsAny(name, " \t;|&<>"):
		return "it is quoted as one word", append(shellWords(name), rest...)
	case isAssigned && isIdentifier(variable):
		return "env sets variables", append([]string{"env"}, command...)
	case len(rest) == 0:
	case isDash(name):
		return "", rest
	case name == "source":
		return meantCommand(append([]string{"."}, rest...))
	case contains("exec command builtin", name):
		return name + " is part of the shell", rest
	case contains(builtins, name):
		return name + " is part of the shell", []string{"sh", "-c", shell.Join(command) + " && exec ./server"}
	}
	if program := meantProgram(name); program != nil {
		return "", append(program, rest...)
	}
	return "", nil
}

// meantProgram returns the words that run a file. The file may be in another directory, have a similar name, or be a script without
// an interpreter line.
func meantProgram(name string) []string {
	path := name
	if !strings.Contains(name, "/") {
		path = "./" + name
	}
	for _, file := range []string{"./" + filepath.Base(name), filepath.Base(name), expandedHome(name), nearFile(path, "")} {
		if _, err := handoff.LookPath(file); err == nil && file != name {
			return []string{file}
		}
	}
	if interpreter := interpreterOf(name); interpreter != "" {
		return append(strings.Fields(interpreter), name)
	}
	return nil
}

// builtins are commands of the shell. A program of the same name, if there is one, has no effect on the shell.
const builtins = ". alias bg cd eval export fg jobs popd pushd read readonly set trap ulimit umask unalias unset wait"

func isIdentifier(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		return c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

// shellWords returns a line of a shell as a command.
func shellWords(line string) []string {
	if strings.ContainsAny(line, "\"'`$\\;|&<>*?(){}~") {
		i := max(strings.LastIndex(line, "&& "), strings.LastIndex(line, "; "))
		if start := i + strings.Index(line[max(i, 0):], " "); i >= 0 && !strings.Contains(line, "|") {
			line = line[:start] + " exec" + line[start:] // some shells would fork
		}
		return []string{"sh", "-c", line}
	}
	words := strings.Fields(line)
	if len(words) > 0 && strings.Contains(words[0], "=") {
		return append([]string{"env"}, words...)
	}
	return words
}

// interpreterOf returns the interpreter of an existing file, by the suffix of its name.
func interpreterOf(name string) string {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	switch filepath.Ext(name) {
	case ".go":
		return "go run"
	case ".jar":
		return "java -jar"
	case ".js", ".mjs", ".cjs":
		return "node"
	case ".php":
		return "php"
	case ".pl":
		return "perl"
	case ".py":
		return "python3"
	case ".rb":
		return "ruby"
	case ".sh":
		return "sh"
	}
	return ""
}

// isProgram reports whether a file begins like an executable: a script with an interpreter line, or machine code.
func isProgram(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len("\x7fELF"))
	n, _ := f.Read(head)
	return bytes.HasPrefix(head[:n], []byte("#!")) || slices.Contains([]string{"\x7fELF", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe"}, string(head[:n]))
}
