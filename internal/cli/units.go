package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/systemfd/systemfd/internal/file"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/unitfile"
)

// addUnit adds the sockets of the unit at path.
func (w *wanted) addUnit(path string, options spec.Options, maps *unitfile.Maps) error {
	unit, err := w.readUnit(path, options)
	if err != nil {
		return err
	}
	w.accept = w.accept || unit.Accept
	w.warnings = append(w.warnings, unit.Warnings...)
	if len(unit.Ignored) > 0 {
		w.warnings = append(w.warnings, fmt.Sprintf("%s: systemfd ignores %s", path, strings.Join(unit.Ignored, ", ")))
	}
	openings, err := maps.Apply(unit)
	if is[*unitfile.Error](err) {
		return err // the error says where
	}
	for i := 0; i < len(openings) && err == nil; i++ {
		err = socket.Check(openings[i].Spec)
		w.openings, w.units = append(w.openings, openings[i]), append(w.units, path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// readUnit reads a unit, and notes its files beside the one at path.
func (w *wanted) readUnit(path string, options spec.Options) (unitfile.Unit, error) {
	sources, err := unitSources(path)
	if err != nil {
		return unitfile.Unit{}, err
	}
	if len(sources) > 1 || sources[0].File != path {
		w.read = append(w.read, "read "+filesOf(sources))
	}
	return unitfile.Parse(path, sources, unitHost{sources[0].File, os.Geteuid() == 0}.value, options)
}

func filesOf(sources []unitfile.Source) string {
	files := make([]string, len(sources))
	for i, s := range sources {
		files[i] = s.File
	}
	return strings.Join(files, ", ")
}

// unitSources reads the file of a unit, or else that of its template, and the drop-ins beside it.
func unitSources(path string) ([]unitfile.Source, error) {
	main, template := path, unitfile.Template(path)
	text, err := file.Read(main)
	if errors.Is(err, fs.ErrNotExist) && template != "" {
		main = template
		if text, err = file.Read(main); errors.Is(err, fs.ErrNotExist) {
			return nil, &usageError{fmt.Sprintf("cannot read unit %q: neither it nor its template %q is there", path, template), ""}
		}
	}
	if err == nil && bytes.IndexByte(text, 0) >= 0 {
		err = errors.New("it is no text")
	}
	if err != nil {
		return nil, unreadable("unit", main, err)
	}
	sources := []unitfile.Source{{File: main, Text: string(text)}}
	names, err := dropIns(path)
	for _, name := range names {
		if text, err = file.Read(name); err != nil {
			return nil, unreadable("drop-in", name, err)
		}
		sources = append(sources, unitfile.Source{File: name, Text: string(text)})
	}
	return sources, err
}

// dropIns returns the drop-ins of the unit at path, in the order of their names, in which they are applied.
func dropIns(path string) ([]string, error) {
	files := map[string]string{}
	for _, directory := range unitfile.DropIns(path) {
		entries, err := os.ReadDir(directory)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return nil, unreadable("directory", directory, err)
		}
		for _, entry := range entries {
			name := entry.Name()
			if _, isThere := files[name]; !isThere && strings.HasSuffix(name, ".conf") && name[0] != '.' {
				files[name] = directory + "/" + name
			}
		}
	}
	var sorted []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sorted = append(sorted, files[name])
	}
	return sorted, nil
}

// unreadable is a usage error, unless there are too few descriptors.
func unreadable(kind, path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	if errors.Is(err, syscall.EMFILE) {
		return fmt.Errorf("cannot read %s %q: %w", kind, path, err)
	}
	return &usageError{fmt.Sprintf("cannot read %s %q: %v", kind, path, err), ""}
}
