package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/unitfile"
)

// openFlags say what to open and how; the main form and env share them.
type openFlags struct {
	Socket    []string `short:"s" sep:"none" placeholder:"SPEC" complete:"spec" help:"open a socket; repeatable, in descriptor order"`
	Unit      []string `short:"u" sep:"none" placeholder:"FILE" complete:"unit" help:"open the sockets of a systemd .socket unit; repeatable"`
	Map       []string `sep:"none" placeholder:"FROM=TO" complete:"map" help:"bind TO where a unit says FROM (a port, an address or a path); - leaves it out"`
	Backlog   string   `short:"b" placeholder:"N" help:"listen queue [4096 connections, capped by the system]"`
	NoReuse   bool     `help:"do not set SO_REUSEADDR on TCP sockets"`
	ReusePort bool     `help:"set SO_REUSEPORT on TCP and UDP sockets"`
	Mode      string   `placeholder:"OCTAL" complete:"mode" help:"permission bits of unix sockets [0666 less the umask]"`
}

// opens reports whether sockets are to be opened, not only taken over.
func (f *openFlags) opens() bool { return len(f.Socket) > 0 || len(f.Unit) > 0 }

// wanted is what -s and --unit say, before anything is opened.
type wanted struct {
	openings []spec.Opening
	units    []string // the file that says each, "" for -s
	accept   bool     // a unit says Accept=yes
	read     []string // the files that were read beside the typed ones
	warnings []string
}

// tell says which files were read, and prints the warnings.
func (w wanted) tell(p *printer) {
	for _, text := range w.read {
		p.say(text)
	}
	p.warn(w.warnings...)
}

// wanted reads the flags and the units.
func (f *openFlags) wanted() (w wanted, err error) {
	options, err := f.options()
	if err != nil {
		return w, err
	}
	w.openings, w.units = make([]spec.Opening, 0, len(f.Socket)), make([]string, 0, len(f.Socket))
	for _, text := range f.Socket {
		if err := w.addSocket(text, options); err != nil {
			return w, err
		}
	}
	maps, err := unitfile.ParseMaps(f.Map)
	if err == nil && len(f.Map) > 0 && len(f.Unit) == 0 {
		err = &usageError{withoutUnit, ""}
	}
	if err != nil {
		return w, err
	}
	for _, path := range f.Unit {
		if err := w.addUnit(path, options, maps); err != nil {
			return w, err
		}
	}
	if err = maps.Unused(); err == nil {
		err = f.checkOpenings(w.openings)
	}
	return w, err
}

// addSocket adds what -s says.
func (w *wanted) addSocket(text string, options spec.Options) error {
	s, err := spec.Parse(text)
	if err == nil {
		err = socket.Check(s)
	}
	w.openings, w.units = append(w.openings, spec.Opening{Spec: s, Options: options.For(s.Type)}), append(w.units, "")
	return err
}

// withoutUnit is the error of --map without a unit.
const withoutUnit = "--map changes what a unit says, and there is no --unit"

// checkOpenings refuses flags that have no effect on any socket.
func (f *openFlags) checkOpenings(openings []spec.Opening) error {
	has := func(family spec.Family) bool {
		return slices.ContainsFunc(openings, func(o spec.Opening) bool { return o.Type.Family() == family })
	}
	switch {
	case !f.opens():
	case len(openings) == 0:
		return &usageError{"--map leaves out every socket of " + strings.Join(f.Unit, ", "), "leave one in"}
	case f.Mode != "" && !has(spec.Unix):
		return superfluous("--mode is for unix sockets, and none is to be opened", "leave it out", "mode")
	case f.ReusePort && !has(spec.Inet):
		return superfluous("--reuse-port is for TCP and UDP sockets, and none is to be opened", "leave it out", "reuse-port")
	}
	return nil
}

// options returns the options that the flags set for all sockets.
func (f *openFlags) options() (o spec.Options, err error) {
	o.NoReuse, o.ReusePort = f.NoReuse, f.ReusePort
	if o.Backlog, err = parseBacklog(f.Backlog); err == nil {
		o.Mode, err = parseMode(f.Mode)
	}
	return o, err
}

// parseBacklog reads the number of --backlog; unset is the default.
func parseBacklog(text string) (int, error) {
	if text == "" {
		return spec.DefaultBacklog, nil
	}
	n, err := strconv.ParseInt(text, 0, 32)
	if err != nil || n < 1 {
		return 0, &usageError{fmt.Sprintf("--backlog %q is not a number of connections from 1 to %d", text, math.MaxInt32), ""}
	}
	return int(n), nil
}

// parseMode reads the permission bits of --mode; unset is the default.
func parseMode(text string) (mode spec.Optional[uint32], err error) {
	if text == "" {
		return mode, nil
	}
	bits, err := strconv.ParseUint(text, 8, 32)
	if err != nil || bits > 0o777 {
		return mode, &usageError{fmt.Sprintf("--mode %q is not octal permission bits", text), "write it as in --mode 0660"}
	}
	return spec.Some(uint32(bits)), nil
}

// mappable are errors that another port or path avoids.
var mappable = []error{fs.ErrPermission, syscall.EADDRINUSE, syscall.EADDRNOTAVAIL, syscall.EROFS}

// explained adds a hint if two sockets of the line are in each other's way, or if a unit asks for something that this user or this
// host does not have.
func (w wanted) explained(err error) error {
	failed, ok := errors.AsType[*socket.Error](err)
	if !ok || !slices.ContainsFunc(mappable, func(target error) bool { return errors.Is(err, target) }) {
		return err
	}
	if twice := w.twice(failed.Spec); twice != nil {
		return twice
	}
	i := slices.IndexFunc(w.openings, func(o spec.Opening) bool {
		return o.Port() == failed.Spec.Port() && socket.Absolute(o.Path) == failed.Spec.Path
	})
	if i < 0 || w.units[i] == "" {
		return err
	}
	from, to := w.openings[i].Path, "./"+filepath.Base(w.openings[i].Path)
	if from == "" {
		port := int(w.openings[i].Port())
		from, to = strconv.Itoa(port), strconv.Itoa((port+8000)%(math.MaxUint16+1))
	}
	return &socket.Error{Text: err.Error(), Remedy: fmt.Sprintf("bind something else than %s says: --map %s=%s", w.units[i], from, to), Err: err}
}

// twice is the error of two openings that want what failed; nil if there are no two.
func (w wanted) twice(failed spec.Spec) error {
	for i, a := range w.openings {
		for _, b := range w.openings[:i] {
			isPath := a.Path != "" && socket.Absolute(a.Path) == failed.Path && socket.Absolute(b.Path) == failed.Path
			switch isPort := a.Port() == failed.Port() && a.Path == ""; {
			case isPath, isPort && a.SameSocket(b.Spec) && !a.Next && !b.Next:
				return givenTwice(a.Address()+" is given twice", a.Spec)
			case isPort && a.Overlaps(b) && a.Addr.Addr().IsUnspecified():
				return givenTwice(a.Address()+" is every address, "+b.Address()+" too", b.Spec)
			case isPort && a.Overlaps(b):
				return givenTwice(b.Address()+" is every address, "+a.Address()+" too", a.Spec)
			}
		}
	}
	return nil
}
