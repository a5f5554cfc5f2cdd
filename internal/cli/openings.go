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
	Socket    []string `short:"s" sep:"none" placeholder:"SPEC" complete:"spec" help:"open a socket; repeatable, in the order of the descriptors"`
	Unit      []string `short:"u" sep:"none" placeholder:"FILE" complete:"unit" help:"open the sockets of a systemd .socket unit; repeatable"`
	Map       []string `sep:"none" placeholder:"FROM=TO" complete:"map" help:"bind TO where a unit says FROM (a port, an address or a\npath); - leaves it out"`
	Backlog   int      `short:"b" placeholder:"N" default:"4096" help:"listen queue, in connections [4096]; the system may cap it"`
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
	read     []string // what else than the files typed was read
	warnings []string
}

// tell says what was read, and what is wrong with it.
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
	for _, text := range f.Socket {
		s, err := spec.Parse(text)
		if err == nil {
			err = socket.Check(s)
		}
		if err != nil {
			return w, err
		}
		w.openings, w.units = append(w.openings, spec.Opening{Spec: s, Options: options.For(s.Type)}), append(w.units, "")
	}
	maps, err := unitfile.ParseMaps(f.Map)
	if err != nil {
		return w, err
	}
	for _, path := range f.Unit {
		if err := w.addUnit(path, options, maps); err != nil {
			return w, err
		}
	}
	if err = maps.Unused(); err == nil && f.opens() && len(w.openings) == 0 {
		err = &usageError{"--map leaves out every socket of " + strings.Join(f.Unit, ", "), "leave one in"}
	}
	return w, err
}

// options returns what the flags say of all sockets.
func (f *openFlags) options() (spec.Options, error) {
	if f.Backlog < 1 || f.Backlog > math.MaxInt32 {
		return spec.Options{}, &usageError{fmt.Sprintf("--backlog %d is not a number of connections from 1 to %d", f.Backlog, math.MaxInt32), ""}
	}
	mode, err := parseMode(f.Mode)
	return spec.Options{Backlog: f.Backlog, NoReuse: f.NoReuse, ReusePort: f.ReusePort, Mode: mode}, err
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

// mappable are failures that another port or path does not have.
var mappable = []error{fs.ErrPermission, syscall.EADDRINUSE, syscall.EADDRNOTAVAIL, syscall.EROFS}

// withMapHint names the way out if a unit asks for what this user, or this host, does not have.
func (w wanted) withMapHint(err error) error {
	failed, ok := errors.AsType[*socket.Error](err)
	if !ok || !slices.ContainsFunc(mappable, func(target error) bool { return errors.Is(err, target) }) {
		return err
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
	return &socket.Error{Text: err.Error(), Remedy: fmt.Sprintf("bind something else where %s says so: --map %s=%s", w.units[i], from, to), Err: err}
}
