package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
	"github.com/systemfd/systemfd/internal/unitfile"
)

// opening is a socket that is to be opened.
type opening struct {
	spec    spec.Spec
	options socket.Options
	unit    string // the file that says so, "" for -s
}

// openings returns what -s and --unit say, before anything is opened, and whether a unit says Accept=yes.
func openings(p *printer, flags *runFlags) (all []opening, accept bool, err error) {
	mode, err := parseMode(flags.Mode)
	if err != nil {
		return nil, false, err
	}
	specs, err := parseSpecs(flags.Socket)
	if err != nil {
		return nil, false, err
	}
	options := socket.Options{Backlog: flags.Backlog, NoReuse: flags.NoReuse, ReusePort: flags.ReusePort, Mode: mode}
	for _, s := range specs {
		all = append(all, opening{s, options, ""})
	}
	maps, err := parseMaps(flags.Map)
	if err != nil {
		return nil, false, err
	}
	for _, file := range flags.Unit {
		unit, err := readUnit(p, file)
		if err != nil {
			return nil, false, err
		}
		accept = accept || unit.Accept
		for _, s := range unit.Specs {
			if s, err = maps.apply(s); err == nil {
				err = socket.Check(s)
			}
			if err != nil {
				return nil, false, fmt.Errorf("%s: %w", file, err)
			}
			all = append(all, opening{s, withUnit(options, unit.Options), file})
		}
	}
	return all, accept, maps.unused()
}

// parseMode reads the permission bits of --mode; nil is the default.
func parseMode(text string) (*uint32, error) {
	if text == "" {
		return nil, nil
	}
	bits, err := strconv.ParseUint(text, 8, 32)
	if err != nil || bits > 0o777 {
		return nil, &usageError{fmt.Sprintf("--mode %q is not octal permission bits", text), "write it as in --mode 0660"}
	}
	mode := uint32(bits)
	return &mode, nil
}

// parseSpecs reads every -s before anything is opened.
func parseSpecs(texts []string) ([]spec.Spec, error) {
	var specs []spec.Spec
	for _, text := range texts {
		s, err := spec.Parse(text)
		if err == nil {
			err = socket.Check(s)
		}
		if err != nil {
			return nil, err
		}
		specs = append(specs, s)
	}
	return specs, nil
}

func readUnit(p *printer, file string) (unitfile.Unit, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return unitfile.Unit{}, &usageError{fmt.Sprintf("cannot read unit %q: %v", file, cause(err)), ""}
	}
	unit, err := unitfile.Parse(file, string(text), unitHost())
	if err != nil {
		return unitfile.Unit{}, err
	}
	for _, warning := range unit.Warnings {
		p.warn("%s", warning)
	}
	if len(unit.Ignored) > 0 {
		p.warn("%s: without meaning outside systemd, ignored: %s", file, strings.Join(unit.Ignored, ", "))
	}
	return unit, nil
}

// unitHost is what systemd would say of this user: its system manager of root, its user manager of all others.
func unitHost() unitfile.Host {
	host := unitfile.Host{RuntimeDir: "/run", UID: strconv.Itoa(os.Geteuid())}
	if os.Geteuid() != 0 {
		host.RuntimeDir = "/run/user/" + host.UID
		if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
			host.RuntimeDir = dir
		}
	}
	host.Home, _ = os.UserHomeDir()
	if u, err := user.Current(); err == nil {
		host.User = u.Username
	}
	return host
}

// withUnit is options with what a unit says in place of it.
func withUnit(options socket.Options, unit unitfile.Options) socket.Options {
	if unit.Backlog != nil {
		options.Backlog = *unit.Backlog
	}
	if unit.SocketMode != nil {
		options.Mode = unit.SocketMode
	}
	options.ReusePort = options.ReusePort || unit.ReusePort
	options.MakeFolders, options.DirectoryMode = true, unit.DirectoryMode
	options.V6Only, options.FreeBind = unit.V6Only, unit.FreeBind
	options.NoDelay, options.KeepAlive, options.Broadcast = unit.NoDelay, unit.KeepAlive, unit.Broadcast
	options.PassCredentials, options.ReceiveBuffer, options.SendBuffer = unit.PassCredentials, unit.ReceiveBuffer, unit.SendBuffer
	return options
}

// open opens all, or none.
func open(all []opening) ([]socket.Socket, error) {
	var sockets []socket.Socket
	for _, o := range all {
		opened, err := socket.Open(o.spec, o.options)
		if err != nil {
			closeAll(sockets)
			return nil, withMapHint(o, err)
		}
		sockets = append(sockets, opened)
	}
	return sockets, nil
}

// closeAll closes the last first: a folder goes with the socket for which it was made.
func closeAll(sockets []socket.Socket) {
	for _, s := range slices.Backward(sockets) {
		s.Close()
	}
}

func specsToOpen(all []opening) []spec.Spec {
	var specs []spec.Spec
	for _, o := range all {
		specs = append(specs, o.spec)
	}
	return specs
}

// mappable are failures that another port or path does not have.
var mappable = []error{fs.ErrPermission, syscall.EADDRINUSE, syscall.EADDRNOTAVAIL, syscall.EROFS}

// withMapHint names the way out where a unit asks for what this user, or this host, does not have.
func withMapHint(o opening, err error) error {
	if o.unit == "" || !slices.ContainsFunc(mappable, func(target error) bool { return errors.Is(err, target) }) {
		return err
	}
	from, to := o.spec.Path, "./"+filepath.Base(o.spec.Path)
	if from == "" {
		port := int(o.spec.Addr.Port())
		from, to = strconv.Itoa(port), strconv.Itoa((port+8000)%(math.MaxUint16+1))
	}
	return &socket.Error{Text: err.Error(), Remedy: fmt.Sprintf("bind something else where %s says so: --map %s=%s", o.unit, from, to), Err: err}
}
