package holder

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/systemfd/systemfd/internal/holder/daemon"
	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/share"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

func init() { platform = &system{named: named, at: at, all: all, states: states} }

// client is a Client that finds its holder by a control file.
type client struct{ control string }

func (c *client) Control() string { return c.control }

const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

func named(name string) (Client, error) {
	folder, err := controlDirectory()
	if err != nil {
		return nil, err
	}
	if name == "" {
		dir, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		name = id(dir)
	} else if strings.Trim(name, plain) != "" || name[0] == '.' || len(name) > 32 {
		return nil, &Error{Text: fmt.Sprintf("bad holder name %q", name), Remedy: "a name has 1 to 32 of A-Z a-z 0-9 . _ -, and does not start with a dot"}
	}
	return &client{filepath.Join(folder, name+suffix)}, nil
}

// id is 16 hex digits that stand for a directory, whatever its case.
func id(dir string) string {
	hash := fnv.New64a()
	hash.Write([]byte(strings.ToLower(dir)))
	return fmt.Sprintf("%016x", hash.Sum64())
}

// controlDirectory is one that only the user and administrators can read.
func controlDirectory() (string, error) {
	dir, err := os.UserCacheDir() // %LocalAppData%
	if err != nil {
		return "", &Error{Text: "cannot tell where holders are: " + err.Error(), Remedy: "set LocalAppData", Err: err}
	}
	return filepath.Join(dir, "systemfd"), nil
}

func at(control string) (Client, error) {
	folder, err := controlDirectory()
	if err == nil && (!strings.EqualFold(filepath.Dir(control), folder) || !strings.HasSuffix(control, suffix)) {
		err = &Error{Text: fmt.Sprintf("SYSTEMFD_HOLDER is %q: not the control file of a holder of yours", control), Remedy: "unset SYSTEMFD_HOLDER"}
	}
	return &client{control}, err
}

func all() (clients []Client, err error) {
	folder, err := controlDirectory()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(folder, "*"+suffix))
	for _, file := range files {
		clients = append(clients, &client{file})
	}
	return clients, err
}

func states() (answers []State, warnings []string, err error) {
	clients, err := all()
	for _, c := range clients {
		state, err := c.Status()
		switch {
		case err == nil:
			answers = append(answers, state)
		case errors.Is(err, ErrGone):
			os.Remove(c.Control())
		default:
			warnings = append(warnings, err.Error())
		}
	}
	return answers, warnings, err
}

func (c *client) ask(r daemon.Request) (daemon.Answer, error) {
	a, err := daemon.Ask(c.control, r)
	if errors.Is(err, daemon.ErrGone) {
		err = ErrGone
	}
	return a, err
}

func (c *client) Claim(owner int, openings []spec.Opening) (Claimed, error) {
	return c.claim(owner, openings, false)
}

func (c *client) Add(owner int, openings []spec.Opening) (Claimed, error) {
	return c.claim(owner, openings, true)
}

func (c *client) claim(owner int, openings []spec.Opening, adds bool) (Claimed, error) {
	wanted := make([]spec.Opening, len(openings))
	for i, o := range openings {
		var err error
		if wanted[i], err = socket.Resolve(o); err != nil {
			return Claimed{}, err
		}
	}
	unlock, err := c.lock()
	if err != nil {
		return Claimed{}, err
	}
	defer unlock()
	r := daemon.Request{Request: wire.Request{Op: wire.Claim, Owner: owner, Openings: texts(wanted), Adds: adds}}
	a, err := c.ask(r)
	if errors.Is(err, ErrGone) {
		dir, _ := os.Getwd()
		if err = daemon.Start(c.control, dir); err == nil {
			a, err = c.ask(r)
		}
	}
	if err == nil && len(a.Bound) != len(wanted) {
		err = c.unbelievable(wire.ErrMalformed)
	}
	if err != nil {
		return Claimed{}, err
	}
	claimed, err := c.store(r, a, wanted)
	return claimed, c.InUse(err)
}

// store opens what the holder does not have, for it to fetch. Who claims holds the lock, so that nobody else does so in between.
func (c *client) store(r daemon.Request, a daemon.Answer, wanted []spec.Opening) (claimed Claimed, err error) {
	claimed = Claimed{Openings: make([]spec.Opening, len(wanted)), IsNew: make([]bool, len(wanted))}
	open, err := spec.ParseEach(a.Kept)
	kept := len(open)
	var opened []socket.Socket
	var handles []int
	for i := 0; i < len(wanted) && err == nil; i++ {
		if a.Bound[i] != "" {
			claimed.Openings[i], err = boundAs(a.Bound[i], wanted[i])
			continue
		}
		var s socket.Socket
		if s, err = OpenBeside(wanted[i], open, kept); err == nil {
			open = append(open, s.Opening)
			opened, handles, r.Bound = append(opened, s), append(handles, s.FD), append(r.Bound, s.Encode())
			claimed.Openings[i], claimed.IsNew[i] = s.Opening, true
		}
	}
	defer share.Close(handles)
	if err == nil && len(opened) > 0 {
		var server *share.Server
		if server, r.Secret, err = share.Serve(handles); err == nil {
			defer server.Close()
			r.Server = server.Address
			a, err = c.ask(r)
		}
	}
	for i, o := range wanted {
		claimed.Openings[i].Name, claimed.Openings[i].Type = o.FDName(), o.Type
	}
	claimed.PID, claimed.Server, claimed.Secret = a.PID, a.Server, a.Secret
	return claimed, err
}

// boundAs reads how the holder has what is wanted: with the same options, or it is an error.
func boundAs(text string, wanted spec.Opening) (spec.Opening, error) {
	bound, err := spec.ParseOpening(text)
	if err != nil {
		return bound, err
	}
	if option := wanted.Differs(bound.Options); option != "" {
		return bound, Differs(Kept{Opening: bound}, option)
	}
	return bound, nil
}

// Keep is for --hold, which is of no use where this process stays.
func (c *client) Keep(int, []socket.Socket) error { return errors.ErrUnsupported }

func (c *client) Release(owner int) error {
	_, err := c.ask(daemon.Request{Request: wire.Request{Op: wire.Release, Owner: owner}})
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}

func (c *client) Fetch(openings []spec.Opening) ([]Fetched, error) { return c.fetch(openings, true) }

func (c *client) Look(openings []spec.Opening) ([]Fetched, error) { return c.fetch(openings, true) }

func (c *client) Use(openings []spec.Opening) ([]Fetched, error) { return c.fetch(openings, false) }

func (c *client) fetch(openings []spec.Opening, pass bool) (fetched []Fetched, err error) {
	a, err := c.ask(daemon.Request{Request: wire.Request{Op: wire.Fetch, Openings: texts(openings), Pass: pass}})
	if err != nil {
		return nil, err
	}
	sockets, err := share.Open(a.Infos)
	if err == nil && len(a.Found) != len(openings) {
		err = wire.ErrMalformed
	}
	rest := sockets
	for i := 0; i < len(openings) && err == nil; i++ {
		f := Fetched{IsStopped: slices.Contains(a.Stopped, i)}
		if a.Found[i] != nil {
			f.Kept, err = keptOf(a.Found[i], a.Names)
			f.IsKept, f.Users = true, servers(f.Users)
			if pass && err == nil {
				f.Socket, rest, err = taken(rest, f.Opening, openings[i])
			}
		}
		fetched = append(fetched, f)
	}
	if err != nil {
		share.Close(sockets)
		return nil, c.unbelievable(err)
	}
	return fetched, nil
}

// taken looks at the first of sockets as at an inherited one. It has the name and the type that were asked for.
func taken(sockets []int, kept, wanted spec.Opening) (s socket.Socket, rest []int, err error) {
	if len(sockets) == 0 {
		return s, nil, wire.ErrMalformed
	}
	s = socket.Socket{FD: sockets[0], Name: wanted.FDName(), Opening: kept}
	s.Opening.Name, s.Type = wanted.Name, wanted.Type
	if is := socket.Describe(s.FD); !is.Is(s.Spec) || !kept.MayBe(wanted.Spec) {
		err = fmt.Errorf("the socket for %s is %s", wanted.Display(), is.Text)
	}
	return s, sockets[1:], err
}

// servers leaves out our ancestors, which are launchers, and a systemfd that waits for one of the others.
func servers(users []process.Process) (rest []process.Process) {
	for _, u := range users {
		waits := slices.ContainsFunc(users, func(other process.Process) bool { return process.Parent(other.PID) == u.PID })
		if !waits && !process.IsAncestor(u.PID) {
			rest = append(rest, u)
		}
	}
	return rest
}

func (c *client) Status() (State, error) {
	a, err := c.ask(daemon.Request{Request: wire.Request{Op: wire.Status}})
	if err != nil {
		return State{}, err
	}
	state := State{Control: c.control, Directory: a.Directory, PID: a.PID}
	state.IsNamed = state.Name() != id(a.Directory)
	state.Sockets, err = keptOfAll(a)
	return state, err
}

func keptOfAll(a daemon.Answer) (all []Kept, err error) {
	for _, s := range a.Sockets {
		kept, err := keptOf(s, a.Names)
		if err != nil {
			return nil, err
		}
		kept.Users = servers(kept.Users)
		all = append(all, kept)
	}
	return all, nil
}

func (c *client) Stop(openings []spec.Opening) ([]Kept, error) {
	a, err := c.ask(daemon.Request{Request: wire.Request{Op: wire.Stop, Openings: texts(openings)}})
	if err != nil {
		return nil, err
	}
	return keptOfAll(a)
}

func (c *client) WasStopped() bool {
	_, err := os.Stat(daemon.MarkOf(c.control))
	return err == nil
}

func (c *client) IsHere(state State) bool {
	dir, err := os.Getwd()
	return err == nil && strings.EqualFold(state.Directory, dir)
}

func (c *client) unbelievable(err error) error {
	return &Error{
		Text: fmt.Sprintf("the holder at %q says what cannot be: %v", c.control, err), Err: err,
		Remedy: "end it (systemfd stop), and evaluate systemfd env again",
	}
}
