package cli

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/systemfd/systemfd/internal/file"
)

// unitHost has the values of the specifiers of a unit: for root those of the system manager, for other users those of the user's
// manager.
type unitHost struct {
	file   string // of the unit
	isRoot bool
}

// value returns the value of a specifier of unitfile.Host.
func (h unitHost) value(specifier byte) (string, error) {
	if d, ok := unitDirectories[specifier]; ok {
		return h.directory(d)
	}
	if line, ok := osReleaseFields[specifier]; ok {
		return osRelease(line)
	}
	switch specifier {
	case 'a':
		return architecture(runtime.GOARCH), nil
	case 'b':
		text, err := readLine("/proc/sys/kernel/random/boot_id")
		return strings.ReplaceAll(text, "-", ""), err
	case 'm':
		return readLine("/etc/machine-id")
	case 'v':
		return readLine("/proc/sys/kernel/osrelease")
	case 'H', 'l', 'q':
		return hostName(specifier)
	case 'T':
		return temporary("/tmp"), nil
	case 'V':
		return temporary("/var/tmp"), nil
	case 'y':
		return realFile(h.file)
	case 'Y':
		path, err := realFile(h.file)
		return filepath.Dir(path), err
	}
	return userValue(specifier)
}

// unitDirectory is a directory of the system, and the one of a user: the value of a variable or else a directory below the home
// directory, and a name below that.
type unitDirectory struct{ system, variable, home, below string }

// unitDirectories are those of systemd 254 and later; before, %S and %L stood for the directory of %E.
var unitDirectories = map[byte]unitDirectory{
	'C': {"/var/cache", "XDG_CACHE_HOME", ".cache", ""},
	'D': {"/usr/share", "XDG_DATA_HOME", ".local/share", ""},
	'E': {"/etc", "XDG_CONFIG_HOME", ".config", ""},
	'L': {"/var/log", "XDG_STATE_HOME", ".local/state", "/log"},
	'S': {"/var/lib", "XDG_STATE_HOME", ".local/state", ""},
	't': {"/run", "XDG_RUNTIME_DIR", "", ""},
}

func (h unitHost) directory(d unitDirectory) (string, error) {
	value := os.Getenv(d.variable)
	switch {
	case h.isRoot:
		return d.system, nil
	case strings.HasPrefix(value, "/"):
		return value + d.below, nil
	case d.home == "":
		return "/run/user/" + strconv.Itoa(os.Geteuid()), nil
	}
	home, err := homeDirectory()
	return home + "/" + d.home + d.below, err
}

// userValue returns the value of a specifier about the user.
func userValue(specifier byte) (string, error) {
	switch specifier {
	case 'U':
		return strconv.Itoa(os.Geteuid()), nil
	case 'G':
		return strconv.Itoa(os.Getegid()), nil
	case 'h':
		return homeDirectory()
	case 's':
		return userShell()
	case 'g':
		g, err := user.LookupGroupId(strconv.Itoa(os.Getegid()))
		if err != nil {
			return "", err
		}
		return g.Name, nil
	}
	u, err := user.Current()
	if err != nil {
		return "", err
	}
	return u.Username, nil
}

func homeDirectory() (string, error) {
	if home, err := os.UserHomeDir(); err == nil {
		return home, nil
	}
	u, err := user.Current()
	if err != nil {
		return "", err
	}
	return u.HomeDir, nil
}

// userShell is the shell in the environment, or else in passwd(5).
func userShell() (string, error) {
	if value := os.Getenv("SHELL"); strings.HasPrefix(value, "/") {
		return value, nil
	}
	text, err := readText("/etc/passwd")
	uid := strconv.Itoa(os.Geteuid())
	for line := range strings.Lines(text) {
		if fields := strings.Split(strings.TrimSpace(line), ":"); len(fields) == 7 && fields[2] == uid && fields[6] != "" {
			return fields[6], nil
		}
	}
	return "/bin/sh", err
}

// architectures are those that systemd calls by another name than Go.
var architectures = map[string]string{
	"amd64": "x86-64", "386": "x86", "loong64": "loongarch64", "mips64le": "mips64-le", "mipsle": "mips-le", "ppc64le": "ppc64-le",
}

func architecture(goarch string) string {
	if name := architectures[goarch]; name != "" {
		return name
	}
	return goarch
}

// osReleaseFields are the beginnings of the fields of os-release(5) that have a specifier.
var osReleaseFields = map[byte]string{
	'A': "\nIMAGE_VERSION=", 'B': "\nBUILD_ID=", 'M': "\nIMAGE_ID=", 'o': "\nID=", 'w': "\nVERSION_ID=", 'W': "\nVARIANT_ID=",
}

// osRelease returns a field of os-release(5), "" if it is not set.
func osRelease(line string) (string, error) {
	text, err := readText("/etc/os-release")
	if err != nil {
		text, err = readText("/usr/lib/os-release")
	}
	return assigned(text, line), err
}

// assigned returns the last value of NAME in a file of NAME=value lines; line is "\nNAME=". Values may be quoted as in a shell.
func assigned(text, line string) string {
	text = "\n" + text
	i := strings.LastIndex(text, line)
	if i < 0 {
		return ""
	}
	value, _, _ := strings.Cut(text[i+len(line):], "\n")
	return unquoted(strings.TrimSpace(value))
}

func unquoted(text string) string {
	if inner, ok := strings.CutPrefix(text, "'"); ok {
		return strings.TrimSuffix(inner, "'")
	}
	inner, ok := strings.CutPrefix(text, `"`)
	if ok {
		inner = strings.TrimSuffix(inner, `"`)
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\$`, "$", "\\`", "`").Replace(inner)
}

// hostName returns the name for %H, up to its first dot for %l, and for %q the pretty one of machine-info(5), if it has one.
func hostName(specifier byte) (string, error) {
	if specifier == 'q' {
		text, _ := readText("/etc/machine-info")
		if name := assigned(text, "\nPRETTY_HOSTNAME="); name != "" {
			return name, nil
		}
	}
	name, err := os.Hostname()
	if specifier != 'H' {
		name, _, _ = strings.Cut(name, ".")
	}
	return name, err
}

// temporary is the directory that a variable names, or else the standard one.
func temporary(standard string) string {
	for _, name := range []string{"TMPDIR", "TEMP", "TMP"} {
		dir := os.Getenv(name)
		if info, err := os.Stat(dir); strings.HasPrefix(dir, "/") && err == nil && info.IsDir() {
			return dir
		}
	}
	return standard
}

// realFile is the absolute path of a file, or of the target of a link.
func realFile(path string) (string, error) {
	if target, err := os.Readlink(path); err == nil {
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return filepath.Abs(path)
}

func readText(path string) (string, error) {
	text, err := file.Read(path)
	if err != nil {
		return "", fmt.Errorf("cannot read %s: %w", path, err)
	}
	return string(text), nil
}

// readLine returns the only line of a file.
func readLine(path string) (string, error) {
	text, err := readText(path)
	return strings.TrimSpace(text), err
}
