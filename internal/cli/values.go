package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/systemfd/systemfd/internal/shell"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/unitfile"
)

// value says what a flag takes.
type value struct {
	flag    string
	example string                   // "" if only the user can know
	check   func(text string) error  // returns the error of a wrong value
	meant   func(text string) string // returns the right value for a wrong one, or ""
}

// values has a row for each flag that takes one.
var values = [...]value{
	{"socket", "http::3000", checkSocket, meantPath},
	{"unit", "app.socket", checkUnit, meantUnit},
	{"map", "80=8080", checkMap, meantMap},
	{"backlog", "4096", checkBacklog, func(string) string { return "4096" }},
	{"mode", "0660", checkMode, meantMode},
	{"color", "always", checkColor, meantColor},
	{"shell", "fish", checkShell, meantShell},
	{"owner", "", checkOwner, noMeaning},
	{"only", "web", anything, noMeaning},
	{"info-file", "sockets.json", anything, noMeaning},
	{"name", "my-project", anything, noMeaning},
}

func anything(string) error { return nil }

func noMeaning(string) string { return "" }

// valueOfFlag returns the row of a flag.
func valueOfFlag(flag string) value {
	if i := slices.IndexFunc(values[:], func(v value) bool { return v.flag == flag }); i >= 0 {
		return values[i]
	}
	return value{flag, "", anything, noMeaning}
}

// addValue adds a flag with its value corrected. Several sockets in a word become several flags.
func (l *line) addValue(it item) {
	text := it.value
	err := valueOfFlag(it.flag.Name).check(text)
	switch it.flag.Name {
	case "unit":
		if err != nil && isSocket(text) && !strings.Contains(text, ".socket") {
			l.wrong(err.Error(), "")
			l.addFlag("socket", text)
			return
		}
	case "socket":
		if isUnit(text) {
			l.wrong(fmt.Sprintf("%q is a unit", text), "it is a unit")
			l.addFlag("unit", text)
			return
		}
	}
	for _, text := range l.meantValues(it.flag.Name, text, err) {
		it.value = text
		l.items = append(l.items, it)
	}
}

// meantValues returns the values that were meant by text, if err says that it is wrong. It returns none to leave the flag out.
func (l *line) meantValues(flag, text string, err error) []string {
	if err == nil {
		return []string{text}
	}
	l.wrong(err.Error(), "")
	if joined := l.joinedValue(flag, text); joined != "" {
		return []string{joined}
	}
	if bad, ok := errors.AsType[*spec.Error](err); ok && len(bad.Right) > 0 {
		return bad.Right
	}
	if meant := valueOfFlag(flag).meant(text); meant != "" && valueOfFlag(flag).check(meant) == nil {
		return []string{meant}
	}
	if flag == "owner" { // the default is the shell
		return nil
	}
	l.isLost = true
	l.mistake.hint = cmp.Or(l.mistake.hint, hintOf(err))
	return []string{text}
}

// joinedValue joins text with the next word, if both are one value.
func (l *line) joinedValue(flag, text string) (joined string) {
	if len(l.rest) == 0 || isFlag(l.rest[0]) || strings.Contains(l.rest[0], "/") {
		return ""
	}
	switch next := l.rest[0]; flag {
	case "map":
		joined = text + "=" + next
	case "socket":
		var bad *spec.Error
		if errors.As(checkSocket(text+" "+next), &bad) && len(bad.Right) == 1 {
			joined = bad.Right[0]
		}
	}
	if joined != "" {
		l.rest = l.rest[1:]
	}
	return joined
}

// checkSocket also looks at what is at a path.
func checkSocket(text string) error {
	s, err := spec.Parse(text)
	if err != nil || s.Path == "" {
		return err
	}
	if info, err := os.Stat(s.Path); err == nil && (info.IsDir() || info.Mode().IsRegular()) {
		return &usageError{fmt.Sprintf("%q is no socket", s.Path), ""}
	}
	return nil
}

// meantPath returns a path in a directory, or beside a file. In a path with a ~ that the shell left, because it is not at the beginning
// of a word, it expands the ~.
func meantPath(text string) string {
	s, err := spec.Parse(text)
	if err != nil {
		return expandedHome(text)
	}
	if info, err := os.Stat(s.Path); err == nil && info.IsDir() {
		return strings.TrimRight(text, "/") + "/app.sock"
	}
	return text + ".sock"
}

func expandedHome(text string) string {
	i := strings.Index(text, "~/")
	home, err := os.UserHomeDir()
	if i < 0 || err != nil {
		return ""
	}
	return text[:i] + home + text[i+1:]
}

func checkUnit(text string) error {
	if strings.HasSuffix(text, ".service") {
		return errors.New("a service opens no socket")
	}
	_, err := unitSources(text)
	return err
}

// whereUnitsAre is where systemd looks for units.
var whereUnitsAre = [...]string{
	"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
	"/etc/systemd/user", "/usr/lib/systemd/user",
}

// meantUnit returns the file of a unit with a similar name, or the one that systemd would find.
func meantUnit(text string) string {
	if near := nearFile(text, ".socket"); near != "" {
		return near
	}
	name := strings.TrimSuffix(strings.TrimSuffix(text, ".service"), ".socket") + ".socket"
	if checkUnit(name) == nil {
		return name
	}
	for _, directory := range whereUnitsAre {
		if file := filepath.Join(directory, name); checkUnit(file) == nil {
			return file
		}
	}
	return ""
}

// nearFile returns the file in the directory of path that has a similar name and the suffix end; "" if there is none.
func nearFile(path, end string) string {
	entries, _ := os.ReadDir(filepath.Dir(path))
	var names []string
	for _, entry := range entries {
		if stem, ok := strings.CutSuffix(entry.Name(), end); ok {
			names = append(names, stem)
		}
	}
	directory, name := filepath.Split(path)
	if near := spec.Nearest(strings.TrimSuffix(name, end), names); near != "" {
		return directory + near + end
	}
	return ""
}

func checkMap(text string) error {
	_, to, _ := strings.Cut(text, "=")
	if _, value, typed := strings.Cut(to, "::"); typed && !strings.Contains(to, "/") && !strings.Contains(to, "[") {
		return &usageError{fmt.Sprintf("--map %q says a type, which the unit does", text), "write only " + value}
	}
	_, err := unitfile.ParseMaps([]string{text})
	return err
}

func meantMap(text string) string {
	if from, to, ok := strings.Cut(text, "="); ok {
		_, value, _ := strings.Cut(to, "::")
		return from + "=" + value
	}
	return strings.Replace(text, ":", "=", 1)
}

func checkBacklog(text string) error {
	_, err := parseBacklog(text)
	return err
}

func checkMode(text string) error {
	_, err := parseMode(text)
	return err
}

func meantMode(text string) string {
	if octal := strings.TrimPrefix(text, "0o"); checkMode(octal) == nil {
		return octal
	}
	return "0660"
}

func checkColor(text string) error {
	if slices.Contains([]string{"auto", "always", "never"}, text) {
		return nil
	}
	return &usageError{fmt.Sprintf("--color %q is not auto, always or never", text), ""}
}

func meantColor(text string) string {
	switch strings.ToLower(text) {
	case "yes", "on", "true", "1", "force":
		return "always"
	case "no", "off", "false", "0", "none":
		return "never"
	}
	return "auto"
}

func checkShell(text string) error {
	if _, ok := shell.Lookup(text); ok {
		return nil
	}
	return &usageError{fmt.Sprintf("unknown shell %q", text), "--shell takes " + strings.Join(shell.Names(), ", ") + "; other shells can read --json"}
}

// meantShell returns the shell of a path, such as $SHELL, or the one with a similar name.
func meantShell(text string) string {
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(text)), ".exe")
	if checkShell(name) == nil {
		return name
	}
	return spec.Nearest(name, shell.Names())
}

func checkOwner(text string) error {
	_, err := parseOwner(text)
	return err
}
