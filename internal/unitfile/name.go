package unitfile

import (
	"path/filepath"
	"slices"
	"strings"
)

// suffix ends the name of a socket unit. A file with another name has no template, and only its own drop-ins.
const suffix = ".socket"

// cutName splits PREFIX@INSTANCE.socket. Without "@", hasAt is false and the instance is "".
func cutName(name string) (prefix, instance string, hasAt bool) {
	return strings.Cut(strings.TrimSuffix(name, filepath.Ext(name)), "@")
}

// Template returns the file of an instance's template: PREFIX@.socket if path is PREFIX@INSTANCE.socket, "" if it is no instance.
func Template(path string) string {
	name := filepath.Base(path)
	prefix, instance, _ := cutName(name)
	if prefix == "" || instance == "" || !strings.HasSuffix(name, suffix) {
		return ""
	}
	return folderOf(path) + prefix + "@" + suffix
}

// folderOf returns the directory of path, as it was typed.
func folderOf(path string) string { return strings.TrimSuffix(path, filepath.Base(path)) }

// DropIns returns the directories beside the unit at path whose *.conf files belong to it. If several have a file of the same name, the
// one in the first directory is used. They are the directories of the unit, of its template, of shorter names that end in a dash, and
// of all sockets: systemd.unit(5).
func DropIns(path string) (directories []string) {
	name := filepath.Base(path)
	names := []string{name}
	if strings.HasSuffix(name, suffix) {
		names = append(family(name), "socket")
	}
	for _, name := range names {
		if directory := folderOf(path) + name + ".d"; !slices.Contains(directories, directory) {
			directories = append(directories, directory)
		}
	}
	return directories
}

// family returns the name of a unit, then those of its template and of the units "PREFIX-" whose drop-ins apply to it.
func family(name string) []string {
	names := []string{name}
	if template := Template(name); template != "" {
		names = append(names, family(template)...)
	}
	prefix, instance, _ := cutName(name)
	i := strings.LastIndexByte(strings.TrimSuffix(prefix, "-"), '-')
	if i < 0 {
		return names
	}
	if instance != "" { // in systemd, a shorter name of a template has no "@"
		instance = "@" + instance
	}
	return append(names, family(prefix[:i+1]+instance+suffix)...)
}
