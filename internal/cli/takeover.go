package cli

import (
	"errors"
	"os"

	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/inherit"
	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// takeover is what COMMAND gets beside what is opened for it: inherited sockets, or ones that a holder has.
type takeover struct {
	inherited []socket.Socket
	held      []spec.Spec // still to be fetched
	holder    string      // control socket; passed on with the sockets
}

func (t *takeover) count() int { return len(t.inherited) + len(t.held) }

// findTakeover looks at what the environment says. It opens nothing. What -s replaces is let go of, where it is
// beyond doubt the sockets described.
func findTakeover(p *printer, flags *runFlags) (*takeover, error) {
	t := &takeover{}
	replace := flags.opens() && !flags.Append
	set, err := listenfds.Parse(os.Getenv)
	if err != nil && !replace {
		return nil, err
	}
	sockets, stale, err := inherit.Take(set)
	if replace {
		if err == nil && !stale && set.Specs != nil {
			forgetAll(sockets)
		}
		return t, nil
	}
	switch {
	case stale:
		p.warn("the sockets from descriptor %d on are not the ones of %s; they are passed as they are", set.First, listenfds.Sockets)
		t.inherited = sockets
	case err == nil && len(sockets) > 0:
		t.inherited, t.holder = sockets, set.Holder
	case set.Holder != "" && len(set.Specs) > 0:
		t.held, err = heldSpecs(set.Specs)
		t.holder = set.Holder
	case err == nil && !flags.opens():
		p.warn("no sockets to pass: there is no -s, and no LISTEN_FDS in the environment")
	}
	return t, err
}

// forgetAll closes inherited sockets that COMMAND is not to have: open there, they would take connections that
// nobody accepts.
func forgetAll(sockets []socket.Socket) {
	for _, s := range sockets {
		s.Forget()
	}
}

func heldSpecs(texts []string) ([]spec.Spec, error) {
	var specs []spec.Spec
	for _, text := range texts {
		s, err := spec.Parse(text)
		if err != nil {
			return nil, &listenfds.Error{Variable: listenfds.Sockets, Value: text, Problem: err.Error()}
		}
		specs = append(specs, s)
	}
	return specs, nil
}

// sockets returns all of t, and whether their O_NONBLOCK is somebody else's, who still serves them.
func (t *takeover) sockets(p *printer) (sockets []socket.Socket, shared bool, err error) {
	var users []holder.User
	switch {
	case len(t.held) > 0:
		sockets, users, err = fetch(p, t.holder, t.held)
	case t.holder != "":
		sockets, users = t.inherited, usersOf(t.holder, t.inherited)
	default:
		sockets = t.inherited
	}
	for _, user := range users {
		p.warn("%s is also in use by %s", sockets[user.Socket].Spec.Address(), user)
	}
	return sockets, len(users) > 0, err
}

// fetch fetches specs. A holder that is gone is started again with the same addresses.
func fetch(p *printer, control string, specs []spec.Spec) (sockets []socket.Socket, users []holder.User, err error) {
	sockets, users, err = holder.Fetch(control, specs)
	if errors.Is(err, holder.ErrGone) {
		p.warn("the holder of %s is gone; starting it again", specs[0].Address())
		if _, _, err = holder.Claim(control, holder.DefaultOwner(), specs, socket.Options{Backlog: socket.DefaultBacklog}); err == nil {
			sockets, users, err = holder.Fetch(control, specs)
		}
	}
	return sockets, users, err
}

// usersOf asks the holder who else uses sockets that we have inherited. It may be gone, or not have them all: then
// nobody knows. The copies that come with the answers go with exec.
func usersOf(control string, inherited []socket.Socket) (users []holder.User) {
	for i, s := range specsOf(inherited) {
		_, of, err := holder.Fetch(control, []spec.Spec{s})
		if errors.Is(err, holder.ErrGone) {
			return nil
		}
		for _, user := range of {
			users = append(users, holder.User{Process: user.Process, Socket: i})
		}
	}
	return users
}

func specsOf(sockets []socket.Socket) []spec.Spec {
	var specs []spec.Spec
	for _, s := range sockets {
		specs = append(specs, s.Spec)
	}
	return specs
}
