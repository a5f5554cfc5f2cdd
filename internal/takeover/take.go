package takeover

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// Take fetches and opens what is planned, in the order in which the command gets it. After an error nothing that was
// opened is left. There may be more warnings then.
func (p *Plan) Take() ([]Socket, error) {
	sockets, err := p.fetch()
	if err == nil {
		err = p.repair()
	}
	if err != nil {
		return nil, err
	}
	p.ask()
	sockets = slices.Concat(p.inherited, sockets)
	kept, err := p.keptOpenings()
	if err != nil {
		return nil, err
	}
	opened, err := p.open(kept, socket.Openings(Sockets(sockets)))
	if err != nil {
		return nil, err
	}
	for _, s := range sockets {
		if len(s.Users) > 0 {
			p.warn("%s is also in use by %s", s.Address(), process.Join(s.Users))
		}
	}
	return append(sockets, opened...), nil
}

// fetch fetches what is held.
func (p *Plan) fetch() (sockets []Socket, err error) {
	if len(p.held) == 0 {
		return nil, nil
	}
	fetched, err := p.fetchOrHeal()
	if err != nil {
		return nil, err
	}
	for _, f := range fetched {
		sockets = append(sockets, Socket{Socket: f.Socket, Origin: Held, Users: f.Users, IsFound: p.isFound, Owners: f.Owners})
	}
	return sockets, nil
}

// fetchOrHeal fetches until nothing is missing or damaged, unless it never will be there.
func (p *Plan) fetchOrHeal() ([]holder.Fetched, error) {
	for heals := 0; ; heals++ {
		fetched, err := p.holder.Fetch(p.held)
		fetched = p.dropStopped(fetched)
		missing, isGone := missingOf(p.held, fetched), errors.Is(err, holder.ErrGone)
		switch {
		case isGone:
			missing = p.held[0].Address()
		case err != nil:
			return nil, err
		}
		damaged, err := p.damagedOf(fetched)
		if err == nil && missing == "" && damaged == nil {
			return fetched, nil
		}
		holder.CloseFetched(fetched)
		if err == nil && heals == maxHeals {
			err = &holder.Error{Text: fmt.Sprintf("%s is not kept open any more", missing), Remedy: "evaluate systemfd env again"}
		}
		isHealed := missing == ""
		if err == nil && isHealed {
			err = p.reopen(p.holder, damaged)
		} else if err == nil {
			isHealed, err = p.heal(isGone, missing)
		}
		if err != nil || !isHealed {
			return nil, err
		}
	}
}

// dropStopped takes out what systemfd stop has closed: that is not opened again as if the holder had lost it.
func (p *Plan) dropStopped(fetched []holder.Fetched) (rest []holder.Fetched) {
	var held []spec.Opening
	for i, f := range fetched {
		if f.IsStopped {
			p.warn("%s was closed by systemfd stop; evaluate systemfd env again", p.held[i].Display())
			continue
		}
		rest, held = append(rest, f), append(held, p.held[i])
	}
	if fetched != nil {
		p.held = held
	}
	return rest
}

// missingOf returns the address of a socket that the holder does not keep, "" if it keeps all.
func missingOf(held []spec.Opening, fetched []holder.Fetched) string {
	for i, f := range fetched {
		if !f.IsKept {
			return held[i].Address()
		}
	}
	return ""
}

// maxHeals is how often sockets are opened again: if holders are killed, or control sockets cleared away, meanwhile, the
// next fetch may meet another holder than the claim, or none.
const maxHeals = 3

// heal opens what the variables say again, with the same options: in a new holder if the one of before is gone, unless it
// was stopped; in the one that is there if it does not keep it any more, for as long as the command lives. It reports
// whether there is something to fetch now.
func (p *Plan) heal(isGone bool, missing string) (isHealed bool, err error) {
	owner := os.Getpid()
	switch {
	case p.isFound: // no variable says anything, and what was found is gone by now
		p.warnNone()
		p.holder = nil
		return false, nil
	case isGone && p.holder.WasStopped():
		p.warn("the sockets were closed by systemfd stop; evaluate systemfd env again")
		p.holder = nil
		return false, nil
	case isGone:
		p.warn("the holder of %s is gone; starting it again", missing)
		if shell, err := process.DefaultOwner(); err == nil { // else it is gone
			owner = shell
		}
	default:
		p.warn("%s is not kept open any more; opening it again", missing)
	}
	claimed, err := p.holder.Add(owner, p.held) // the shell may have claimed others meanwhile
	p.Warnings = append(p.Warnings, claimed.Warnings...)
	return err == nil, err
}

// ask asks the holder who else uses inherited sockets. It may be gone, or not have them all: then nobody knows.
func (p *Plan) ask() {
	if p.holder == nil || len(p.inherited) == 0 {
		return
	}
	fetched, err := p.holder.Use(socket.Openings(Sockets(p.inherited)))
	if err != nil {
		return
	}
	for i, f := range fetched {
		p.inherited[i].Users = f.Users
	}
}

// open opens the openings that are not kept, beside what is here already.
func (p *Plan) open(kept map[int]Socket, here []spec.Opening) (sockets []Socket, err error) {
	keptThere := p.keptThere(kept)
	open := slices.Grow(slices.Concat(keptThere, here), len(p.openings))
	sockets = make([]Socket, len(p.openings))
	for i, o := range p.openings {
		if s, isKept := kept[i]; isKept {
			sockets[i] = s
		} else if sockets[i].Socket, err = holder.OpenBeside(o, open, len(keptThere)); err != nil {
			Undo(sockets[:i])
			return nil, p.inUse(err)
		}
		open = append(open, sockets[i].Opening)
	}
	return sockets, nil
}

// keptThere returns all that the holder keeps, if that may overlap with what is not taken from it, and the system would allow that.
func (p *Plan) keptThere(taken map[int]Socket) (openings []spec.Opening) {
	mayOverlap := false
	for i, o := range p.openings {
		_, isTaken := taken[i]
		mayOverlap = mayOverlap || !isTaken && o.Port() != 0
	}
	if socket.RefusesOverlap || p.asked == nil || !mayOverlap {
		return nil
	}
	state, _ := p.asked.Status() // of one that is gone, or does not answer, nothing
	for _, k := range state.Sockets {
		openings = append(openings, k.Opening)
	}
	return openings
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
	indexes, asked, err := p.toAsk()
	kept := map[int]Socket{}
	if err != nil || len(asked) == 0 {
		return kept, err
	}
	fetched, err := p.lookAndMend(p.asked, asked)
	if err != nil || fetched == nil { // what it may have will be seen to be in use
		return kept, err
	}
	for j, f := range fetched {
		if !f.IsKept {
			continue
		}
		if asked[j].Next && len(f.Users) > 0 {
			f.Socket.Forget()
			continue
		}
		if err := usable(asked[j], f); err != nil {
			holder.CloseFetched(fetched)
			return nil, err
		}
		kept[indexes[j]] = Socket{Socket: f.Socket, Origin: Held, IsFound: true, Owners: f.Owners}
		p.holder = p.asked
	}
	return kept, nil
}

// toAsk resolves the openings, and returns those that a holder may keep, and their indexes.
func (p *Plan) toAsk() (indexes []int, asked []spec.Opening, err error) {
	for i, o := range p.openings {
		if o, err = socket.Resolve(o); err != nil {
			return nil, nil, err
		}
		p.openings[i] = o
		if o.Path != "" || o.Addr.Port() != 0 && !p.isServed(o) {
			o.Path = socket.Absolute(o.Path)
			indexes, asked = append(indexes, i), append(asked, o)
		}
	}
	return indexes, asked, nil
}

// isServed reports whether somebody serves each kept socket that may be meant, and another port will do.
func (p *Plan) isServed(o spec.Opening) bool {
	if !o.Next {
		return false
	}
	state, err := p.asked.Status()
	if err != nil {
		return false
	}
	meant := slices.DeleteFunc(state.Sockets, func(k holder.Kept) bool { return !k.Opening.MayBe(o.Spec) })
	return len(meant) > 0 && !slices.ContainsFunc(meant, func(k holder.Kept) bool { return len(usersOf([]holder.Kept{k})) == 0 })
}

// usable refuses a kept socket that somebody else serves, or that is not as it was asked for.
func usable(wanted spec.Opening, f holder.Fetched) error {
	if len(f.Users) > 0 {
		return socket.InUse(wanted.Spec, f.Users[0])
	}
	if option := wanted.Differs(f.Opening.Options); option != "" {
		return holder.Differs(f.Kept, option)
	}
	return nil
}

// Holder returns the holder that keeps sockets, nil if there is none.
func (p *Plan) Holder() holder.Client { return p.holder }

// Server returns who gives these sockets to the command already, "" if nobody does.
func (p *Plan) Server(sockets []Socket) (server, secret string) {
	if len(sockets) == 0 || p.only != nil || slices.ContainsFunc(sockets, func(s Socket) bool { return s.Origin != Inherited }) {
		return "", ""
	}
	return p.server, p.secret
}

// NoHolder reports whether the environment says that no holder is to be looked for.
func (p *Plan) NoHolder() bool { return p.noHolder }
