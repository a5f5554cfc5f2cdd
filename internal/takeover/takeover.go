// Package takeover finds the sockets that the command gets: those that this process was started with, those that a
// holder keeps, and those that are opened for it. Each descriptor is looked at before it is believed.
//
// It prints nothing: what a person should know is in the warnings that it returns.
package takeover

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// Origin says where a socket comes from.
type Origin int

// The origins.
const (
	Opened    Origin = iota // here, now
	Inherited               // from the process that started this one
	Held                    // from a holder
)

// Socket is a socket on its way to the command.
type Socket struct {
	socket.Socket
	Origin  Origin
	Users   []process.Process // other living processes, but our ancestors, that have fetched it from its holder
	IsFound bool              // it is held, and no variable said so
	Owners  []process.Process // of such a one: for whom it is kept open
}

// Sockets returns the sockets without where they come from.
func Sockets(all []Socket) []socket.Socket {
	sockets := make([]socket.Socket, len(all))
	for i, s := range all {
		sockets[i] = s.Socket
	}
	return sockets
}

// Undo closes what was opened, and removes what was made for it. The last goes first: a directory goes with the socket
// for which it was made.
func Undo(all []Socket) {
	for _, s := range slices.Backward(all) {
		if s.Origin == Opened {
			s.Close()
		}
	}
}

// Describe returns sockets as the protocol says them; what they are bound to only if that can be said of all.
func Describe(sockets []socket.Socket) listenfds.Set {
	set := listenfds.Set{First: listenfds.Start, Count: len(sockets)}
	openings, known := []spec.Opening{}, true
	for _, s := range sockets {
		set.Names = append(set.Names, s.Name)
		openings = append(openings, s.Opening)
		known = known && s.Type != ""
	}
	if known {
		set.Sockets = spec.EncodeOpenings(openings)
	}
	return set
}

// Plan is which sockets the command will get. Nothing of it is opened or fetched yet.
type Plan struct {
	Warnings []string

	inherited []Socket
	held      []spec.Opening      // to be fetched
	owners    [][]process.Process // of held, if no variable said what is held
	openings  []spec.Opening      // to be fetched if a holder keeps them, else to be opened
	holder    *holder.Client      // of inherited and held; nil if there is none
	asked     *holder.Client      // for openings; nil if there is none
	noHolder  bool                // SYSTEMFD_HOLDER is set and empty
}

// Count is how many descriptors the command will get, at most.
func (p *Plan) Count() int { return len(p.inherited) + len(p.held) + len(p.openings) }

func (p *Plan) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

// Specs says which sockets these are.
func (p *Plan) Specs() (specs []spec.Spec) {
	for _, s := range p.inherited {
		specs = append(specs, s.Spec)
	}
	for _, o := range slices.Concat(p.held, p.openings) {
		specs = append(specs, o.Spec)
	}
	return specs
}

// Find looks at what the environment and the holder of the working directory say. With openings, these replace what is
// inherited or held, or follow it if join says so. Lookup is os.LookupEnv. It opens nothing; inherited sockets that are
// replaced are closed, if they are beyond doubt the ones described.
func Find(lookup func(string) (string, bool), openings []spec.Opening, join bool) (*Plan, error) {
	p := &Plan{openings: openings}
	set, err := listenfds.Parse(lookup)
	p.noHolder = set.NoHolder
	switch isReplaced := len(openings) > 0 && !join; {
	case isReplaced && err == nil:
		forget(set)
	case isReplaced: // what is wrong with the variables does not matter
		err = nil
	case err != nil:
	case set.IsGiven():
		err = p.take(set)
	default:
		p.lookHere()
	}
	if len(openings) > 0 {
		p.asked = p.whomToAsk(set.Holder)
	}
	return p, err
}

// whomToAsk returns the holder that may keep what is to be opened: that of the variables, or else of this directory,
// and never another.
func (p *Plan) whomToAsk(control string) (asked *holder.Client) {
	switch {
	case p.holder != nil:
		asked = p.holder
	case control != "":
		asked, _ = holder.At(control)
	case !p.noHolder:
		asked, _ = holder.Named("")
	}
	return asked
}

// forget closes inherited sockets that the command is not to have: open there, they would take connections that nobody
// accepts.
func forget(set listenfds.Set) {
	if sockets, isStale, err := Inherit(set); err == nil && !isStale && set.Sockets != "" {
		for _, s := range sockets {
			s.Forget()
		}
	}
}

// take takes what the variables name: the inherited sockets if they verify, else the held ones.
func (p *Plan) take(set listenfds.Set) error {
	sockets, isStale, err := Inherit(set)
	held, parseErr := spec.ParseOpenings(set.Sockets)
	isHeld := set.Holder != "" && set.Sockets != "" && (err != nil || set.Count == 0)
	switch {
	case isStale:
		p.warn("the sockets from descriptor %d on are not the ones of %s; they are passed as they are", set.First, listenfds.Sockets)
		p.inherit(sockets)
		return nil
	case isHeld && parseErr != nil:
		return &listenfds.Error{Variable: listenfds.Sockets, Value: set.Sockets, Problem: parseErr.Error()}
	case isHeld:
		p.held = held
		p.holder, err = holder.At(set.Holder)
		return err
	case err != nil:
		return err
	case set.Holder != "" && len(sockets) > 0:
		p.holder, err = holder.At(set.Holder)
	case len(sockets) == 0 && len(p.openings) == 0:
		p.warnNone()
	}
	p.inherit(sockets)
	return err
}

func (p *Plan) warnNone() {
	p.warn("no sockets to pass: there is no -s, and no LISTEN_FDS in the environment")
}

func (p *Plan) inherit(sockets []socket.Socket) {
	for _, s := range sockets {
		p.inherited = append(p.inherited, Socket{Socket: s, Origin: Inherited})
	}
}

// lookHere asks the holder of the working directory, since no variable says anything. It is asked for all that it keeps,
// or for nothing if somebody serves one of these. Whatever is wrong with it means that there is none.
func (p *Plan) lookHere() {
	here, err := holder.Named("")
	var state holder.State
	if err == nil {
		state, err = here.Status()
	}
	if err != nil || !here.IsHere(state) || len(state.Sockets) == 0 {
		if len(p.openings) == 0 {
			p.warnNone()
		}
		return
	}
	if users := usersOf(state); len(users) > 0 {
		p.warn("the sockets that are kept open for this folder are in use by %s; none is passed", list(users))
		return
	}
	p.holder = here
	for _, kept := range state.Sockets {
		p.held, p.owners = append(p.held, kept.Opening), append(p.owners, kept.Owners)
	}
}

// usersOf returns who has fetched sockets of a holder and lives, each once, but our ancestors.
func usersOf(state holder.State) (users []process.Process) {
	for _, kept := range state.Sockets {
		for _, user := range kept.Users {
			if !process.IsAncestor(user.PID) && !slices.Contains(users, user) {
				users = append(users, user)
			}
		}
	}
	return users
}

func list(processes []process.Process) string {
	texts := make([]string, len(processes))
	for i, p := range processes {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}

// Take fetches and opens what is planned, in the order in which the command gets it. After an error nothing that was
// opened is left. There may be more warnings then.
func (p *Plan) Take() ([]Socket, error) {
	sockets, err := p.fetch()
	if err != nil {
		return nil, err
	}
	p.ask()
	sockets = append(p.inherited, sockets...)
	opened, err := p.open()
	if err != nil {
		return nil, err
	}
	for _, s := range sockets {
		if len(s.Users) > 0 {
			p.warn("%s is also in use by %s", s.Address(), list(s.Users))
		}
	}
	return append(sockets, opened...), nil
}

// fetch fetches what is held. A holder that is gone is started again with the same openings, unless it was stopped.
func (p *Plan) fetch() ([]Socket, error) {
	if len(p.held) == 0 {
		return nil, nil
	}
	fetched, err := p.holder.Fetch(p.held, true)
	if errors.Is(err, holder.ErrGone) {
		if p.holder.WasStopped() {
			p.warn("the sockets were closed by systemfd stop; evaluate systemfd env again")
			p.holder = nil
			return nil, nil
		}
		p.warn("the holder of %s is gone; starting it again", p.held[0].Address())
		if _, err = p.holder.Claim(owner(), p.held); err == nil {
			fetched, err = p.holder.Fetch(p.held, true)
		}
	}
	if err != nil {
		return nil, err
	}
	var sockets []Socket
	for i, f := range fetched {
		if !f.IsKept {
			holder.CloseFetched(fetched)
			return nil, &Error{Text: fmt.Sprintf("%s is not kept open any more", p.held[i].Address()), Remedy: "evaluate systemfd env again"}
		}
		s := Socket{Socket: f.Socket, Origin: Held, Users: f.Users}
		if s.IsFound = p.owners != nil; s.IsFound {
			s.Owners = p.owners[i]
		}
		sockets = append(sockets, s)
	}
	return sockets, nil
}

// owner is for whom a holder is started again: the shell, or if that is gone the command that needs the sockets.
func owner() int {
	if pid, err := process.DefaultOwner(); err == nil {
		return pid
	}
	return os.Getpid()
}

// ask asks the holder who else uses inherited sockets. It may be gone, or not have them all: then nobody knows.
func (p *Plan) ask() {
	if p.holder == nil || len(p.inherited) == 0 {
		return
	}
	openings := make([]spec.Opening, len(p.inherited))
	for i, s := range p.inherited {
		openings[i] = s.Opening
	}
	fetched, err := p.holder.Fetch(openings, false)
	if err != nil {
		return
	}
	for i, f := range fetched {
		p.inherited[i].Users = f.Users
	}
}

// open takes from the holder what it keeps of the openings, and opens the rest.
func (p *Plan) open() (sockets []Socket, err error) {
	kept, err := p.keptOpenings()
	if err != nil {
		return nil, err
	}
	for i, o := range p.openings {
		s, isKept := kept[i]
		if !isKept {
			if s.Socket, err = socket.Open(o); err != nil {
				Undo(sockets)
				return nil, p.inUse(err)
			}
		}
		sockets = append(sockets, s)
	}
	return sockets, nil
}

// inUse names the holder that is in the way.
func (p *Plan) inUse(err error) error {
	if p.asked == nil {
		return err
	}
	return p.asked.InUse(err)
}

// keptOpenings returns those of the openings that the holder keeps, by their indexes. A free port is never one of these.
// It is an error if somebody else uses one, or if it was opened in another way.
func (p *Plan) keptOpenings() (map[int]Socket, error) {
	if p.asked == nil {
		return nil, nil
	}
	var indexes []int
	var asked []spec.Opening
	for i, o := range p.openings {
		o, err := socket.Resolve(o)
		if err != nil {
			return nil, err
		}
		p.openings[i] = o
		if o.Path != "" || o.Addr.Port() != 0 {
			o.Path = socket.Absolute(o.Path)
			indexes, asked = append(indexes, i), append(asked, o)
		}
	}
	fetched, err := p.asked.Look(asked)
	if err != nil { // what it may have will be seen to be in use
		return nil, nil
	}
	kept := map[int]Socket{}
	for j, f := range fetched {
		if !f.IsKept {
			continue
		}
		if err := usable(asked[j], f); err != nil {
			holder.CloseFetched(fetched)
			return nil, err
		}
		kept[indexes[j]] = Socket{Socket: f.Socket, Origin: Held, IsFound: true, Owners: f.Owners}
	}
	return kept, nil
}

// usable refuses a kept socket that somebody else serves, or that is not as it was asked for.
func usable(wanted spec.Opening, f holder.Fetched) error {
	if len(f.Users) > 0 {
		return &Error{Text: fmt.Sprintf("%s is in use by %s", wanted.Address(), list(f.Users)), Remedy: "stop it, or take another port (0 is any free one)"}
	}
	if option := wanted.Differs(f.Opening.Options); option != "" {
		return &Error{Text: fmt.Sprintf("%s is kept open for %s, but without %s", wanted.Address(), list(f.Owners), option), Remedy: "close it first: systemfd stop"}
	}
	return nil
}

// Holder returns the holder that keeps sockets, nil if there is none.
func (p *Plan) Holder(sockets []Socket) *holder.Client {
	if p.holder == nil && slices.ContainsFunc(sockets, func(s Socket) bool { return s.Origin == Held }) {
		return p.asked
	}
	return p.holder
}

// NoHolder reports whether the environment says that no holder is to be looked for.
func (p *Plan) NoHolder() bool { return p.noHolder }

// Error says why a socket of a holder cannot be had.
type Error struct{ Text, Remedy string }

func (e *Error) Error() string { return e.Text }

// Hint returns the way out.
func (e *Error) Hint() string { return e.Remedy }
