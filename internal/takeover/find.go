package takeover

import (
	"errors"
	"fmt"
	"slices"

	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/share"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// Plan is which sockets the command will get. Nothing of it is opened or fetched yet.
type Plan struct {
	Warnings []string

	inherited []Socket
	described bool           // by SYSTEMFD_SOCKETS: what is inherited may be repaired
	held      []spec.Opening // to be fetched
	isFound   bool           // held, and no variable said so
	openings  []spec.Opening // to be fetched if a holder keeps them, else to be opened
	holder    holder.Client  // of inherited and held; nil if there is none
	asked     holder.Client  // for openings; nil if there is none
	noHolder  bool           // SYSTEMFD_HOLDER is set and empty
	server    string         // that gives what is inherited to whoever knows the secret; "" if these are descriptors
	secret    string
	only      []string // names of what is inherited or held; nil stands for all
}

// Wanted is what the command is to get.
type Wanted struct {
	Openings []spec.Opening // to be opened
	Append   bool           // they follow what is inherited or held; else they replace it
	Only     []string       // names of what is inherited or held; nil stands for all
}

// Count is how many descriptors the command will get, at most.
func (p *Plan) Count() int { return len(p.inherited) + len(p.held) + len(p.openings) }

func (p *Plan) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

// Specs says which sockets these are.
func (p *Plan) Specs() []spec.Spec {
	specs := make([]spec.Spec, 0, p.Count())
	for _, s := range p.inherited {
		specs = append(specs, s.Spec)
	}
	for _, openings := range [][]spec.Opening{p.held, p.openings} {
		for _, o := range openings {
			specs = append(specs, o.Spec)
		}
	}
	return specs
}

// Find looks at what the environment and the holder of the working directory say. Lookup is os.LookupEnv. It opens nothing;
// inherited sockets that the command is not to have are closed, if they are beyond doubt the ones described. An unknown name
// is a *NameError.
func Find(lookup func(string) (string, bool), w Wanted) (*Plan, error) {
	p := &Plan{openings: w.Openings, only: w.Only}
	set, err := listenfds.Parse(lookup)
	p.noHolder = set.NoHolder
	switch isReplaced := len(w.Openings) > 0 && !w.Append; {
	case isReplaced && err == nil:
		forget(set)
	case isReplaced: // what is wrong with the variables does not matter
		err = nil
	case err != nil:
	case listenfds.IsGiven(lookup):
		err = p.take(set)
	default:
		err = p.lookHere()
	}
	if len(w.Openings) > 0 {
		p.asked = p.whomToAsk(set.Holder)
	}
	return p, err
}

// whomToAsk returns the holder that may keep what is to be opened: that of the variables, or else of this directory,
// and never another.
func (p *Plan) whomToAsk(control string) (asked holder.Client) {
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
	if set.Count == 0 {
		return
	}
	if sockets, isStale, err := Inherit(set); err == nil && !isStale && set.Sockets != "" {
		for _, s := range sockets {
			s.Forget()
		}
	}
}

// take takes what the variables name: the inherited sockets if they verify, else the held ones.
func (p *Plan) take(set listenfds.Set) error {
	sockets, isStale, err := Inherit(set)
	isHeld := set.Holder != "" && set.Sockets != "" && (err != nil || set.Count == 0)
	switch {
	case isStale:
		p.warn("the sockets from descriptor %d on are not the ones of %s; they are passed as they are", set.First, listenfds.Sockets)
		return p.inherit(sockets)
	case isHeld:
		if p.held, err = spec.ParseOpenings(set.Sockets); err != nil {
			return &listenfds.Error{Variable: listenfds.Sockets, Value: set.Sockets, Problem: err.Error()}
		}
		if p.held, err = pick(p.held, spec.Opening.FDName, p.only); err != nil {
			return err
		}
		p.holder, err = holder.At(set.Holder)
		return err
	case err != nil:
		return err
	case set.Holder != "" && len(sockets) > 0:
		if p.holder, err = holder.At(set.Holder); errors.Is(err, holder.ErrForeign) { // below su: the sockets are there
			p.holder, err = nil, nil
		}
	case len(sockets) == 0:
		p.warnNone()
	}
	p.described = set.Sockets != ""
	if share.IsUsed() {
		p.server, p.secret = set.Server, set.Secret
	}
	return errors.Join(err, p.inherit(sockets))
}

// NoSockets is the warning that there is nothing to pass.
const NoSockets = "no sockets to pass: there is no -s, and no LISTEN_FDS in the environment"

func (p *Plan) warnNone() {
	if len(p.openings) == 0 {
		p.warn(NoSockets)
	}
}

// inherit closes what the command is not to have.
func (p *Plan) inherit(sockets []socket.Socket) error {
	picked, err := pick(sockets, func(s socket.Socket) string { return s.Name }, p.only)
	if err != nil {
		return err
	}
	for _, s := range sockets {
		if !slices.ContainsFunc(picked, func(other socket.Socket) bool { return other.FD == s.FD }) {
			s.Forget()
		}
	}
	for _, s := range picked {
		p.inherited = append(p.inherited, Socket{Socket: s, Origin: Inherited})
	}
	return nil
}

// lookHere asks the holder of the working directory, since no variable says anything. If somebody serves one of the wanted
// sockets, none is taken. If anything is wrong with the holder, there is none.
func (p *Plan) lookHere() error {
	here, err := holder.Named("")
	var state holder.State
	if err == nil {
		state, err = here.Status()
	}
	if err != nil || !here.IsHere(state) || len(state.Sockets) == 0 {
		p.warnNone()
		return nil
	}
	wanted, err := pick(state.Sockets, func(k holder.Kept) string { return k.Opening.FDName() }, p.only)
	if err != nil {
		return err
	}
	if users := usersOf(wanted); len(users) > 0 {
		p.warn("the sockets that are kept open for this directory are in use by %s; none is passed", process.Join(users))
		return nil
	}
	p.holder, p.isFound = here, true
	for _, kept := range wanted {
		p.held = append(p.held, kept.Opening)
	}
	return nil
}

// usersOf returns who has fetched sockets of a holder and lives, each once, but for our ancestors and us.
func usersOf(sockets []holder.Kept) (users []process.Process) {
	for _, kept := range sockets {
		for _, user := range kept.Users {
			if !process.IsAncestor(user.PID) && !slices.Contains(users, user) {
				users = append(users, user)
			}
		}
	}
	return users
}
