//go:build unix

package holder

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/systemfd/systemfd/internal/listenfds"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// item is a held socket.
type item struct {
	wanted, bound spec.Spec // without name
	fd            int
	stat          unix.Stat_t // of its path, where that is ours to remove
	users         []*watched
	since         time.Time
}

// claim is what an owner wants open.
type claim struct {
	owner *watched // nil while the claim is in the making
	items []*item
	specs []spec.Spec // of items, as bound, with the owner's names
}

func (c *claim) isOf(owner int) bool { return c.owner != nil && c.owner.PID == owner }

// adopt makes the first claim, of the sockets that this process was started with.
func (s *server) adopt(owner int, wanted []string) error {
	set, err := listenfds.Parse(os.Getenv)
	if err != nil {
		return err
	}
	if len(set.Specs) != set.Count || len(wanted) != set.Count {
		return errors.New("not started by systemfd")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &claim{}
	for i, text := range set.Specs {
		bound, err := spec.Parse(text)
		if err != nil {
			return err
		}
		unix.CloseOnExec(set.First + i)
		it := &item{wanted: bound, bound: bound, fd: set.First + i, since: time.Now()}
		if wanted[i] != notOurs {
			want, err := spec.Parse(wanted[i])
			if err != nil {
				return err
			}
			it = newItem(want, bound, set.First+i)
		}
		s.items = append(s.items, it)
		c.items, c.specs = append(c.items, it), append(c.specs, bound)
	}
	c.owner, err = watch(owner, func() { s.release(owner) })
	s.claims = []*claim{c}
	return err
}

func newItem(wanted, bound spec.Spec, fd int) *item {
	it := &item{wanted: wanted, bound: bound, fd: fd, since: time.Now()}
	if bound.Path != "" {
		unix.Lstat(bound.Path, &it.stat)
	}
	return it
}

// claim holds texts for owner in place of what it claimed before. What is in both is never closed.
func (s *server) claim(owner int, texts []string) (bound []string, err error) {
	c := &claim{}
	s.claims = append(s.claims, c) // from now on, for what is found has to stay while others are opened
	defer func() {
		if err != nil {
			s.remove(c)
		}
	}()
	for _, text := range texts {
		want, err := spec.Parse(text)
		if err != nil {
			return nil, err
		}
		it := s.find(want, c.items)
		if it == nil {
			if it, err = s.open(want); err != nil {
				return nil, err
			}
		}
		is := it.bound
		is.Name, is.Type = want.FDName(), want.Type
		c.items, c.specs = append(c.items, it), append(c.specs, is)
		bound = append(bound, is.String())
	}
	if i := slices.IndexFunc(s.claims, func(c *claim) bool { return c.isOf(owner) }); i >= 0 {
		c.owner = s.claims[i].owner
		s.remove(s.claims[i])
		return bound, nil
	}
	c.owner, err = watch(owner, func() { s.release(owner) })
	return bound, err
}

// open opens a socket. Meanwhile s.mu is free: that may take as long as a host name takes to resolve, or a folder
// to be unlocked, and the holder may end.
func (s *server) open(want spec.Spec) (*item, error) {
	s.mu.Unlock()
	opened, err := openSocket(s.path, want, socket.Options{Backlog: socket.DefaultBacklog})
	s.mu.Lock()
	switch {
	case err == nil && s.ending:
		opened.Close()
		return nil, ErrGone
	case err != nil:
		return nil, s.overlap(want, err)
	}
	it := newItem(want, opened.Spec, opened.FD)
	s.items = append(s.items, it)
	return it, nil
}

// overlap words the failure to open want where a socket held here is in the way: the system names others alone.
func (s *server) overlap(want spec.Spec, err error) error {
	for _, it := range s.items {
		if errors.Is(err, unix.EADDRINUSE) && overlaps(it.bound, want) {
			return &Error{fmt.Sprintf("%s is in use by %s, which is held here", want.Address(), it.bound.Address()), "let go of that first: systemfd stop"}
		}
	}
	return err
}

// overlaps reports whether one of two inet sockets is bound to all addresses, the other's among them.
func overlaps(a, b spec.Spec) bool {
	isAny := func(s spec.Spec) bool { return s.Host == "" && s.Addr.Addr().IsUnspecified() }
	return a.Path == "" && b.Path == "" && a.Type.Transport() == b.Type.Transport() && a.Addr.Port() == b.Addr.Port() &&
		a.Addr != b.Addr && (isAny(a) || isAny(b))
}

// find returns the item that a claim of want means, none that the claim has already.
func (s *server) find(want spec.Spec, taken []*item) *item {
	for _, it := range s.items {
		if (it.wanted.SameSocket(want) || it.bound.SameSocket(want)) && !slices.Contains(taken, it) {
			return it
		}
	}
	return nil
}

// release drops the claim of an owner that has ended.
func (s *server) release(owner int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(owner)
}

func (s *server) drop(owner int) {
	for _, c := range slices.Clone(s.claims) {
		if c.isOf(owner) {
			c.owner.stop()
			s.remove(c)
		}
	}
}

// remove removes a claim, closes what no other one wants, and ends with the last.
func (s *server) remove(gone *claim) {
	s.claims = slices.DeleteFunc(s.claims, func(c *claim) bool { return c == gone })
	s.sweep()
}

// sweep closes what no claim wants any more, and ends with the last claim.
func (s *server) sweep() {
	var unclaimed []*item
	for _, it := range s.items {
		if !slices.ContainsFunc(s.claims, func(c *claim) bool { return slices.Contains(c.items, it) }) {
			unclaimed = append(unclaimed, it)
		}
	}
	s.close(unclaimed)
	if len(s.claims) == 0 {
		s.end()
	}
}

// close closes items, and removes the paths that they bound where these are still theirs. In the other order
// somebody might find the socket dead, and have put his own there by the time that we remove it.
func (s *server) close(items []*item) {
	for _, it := range items {
		if it.bound.Path != "" {
			removeSame(it.bound.Path, it.stat)
		}
		unix.Close(it.fd)
		for _, u := range it.users {
			u.stop()
		}
	}
	s.items = slices.DeleteFunc(s.items, func(it *item) bool { return slices.Contains(items, it) })
}

// end lets go of everything. From here on every client is told to find another holder. None is before all is
// closed, for it opens the same addresses, nor before the control socket is removed, for it puts its own there.
func (s *server) end() {
	if !s.ending {
		s.ending = true
		s.close(slices.Clone(s.items))
		removeSame(s.path, s.stat)
		s.control.Close()
		close(s.done)
	}
}

// removeSame removes a socket file that is still the one it was. Whoever calls it has that socket open: its inode
// number is nobody else's until then.
func removeSame(path string, was unix.Stat_t) {
	var is unix.Stat_t
	if unix.Lstat(path, &is) == nil && is.Dev == was.Dev && is.Ino == was.Ino && is.Mode&unix.S_IFMT == unix.S_IFSOCK {
		unix.Unlink(path)
	}
}

// fetch returns copies of the descriptors of texts, and who fetched one of them before.
func (s *server) fetch(client int, texts []string) (users []User, fds []int, err error) {
	var items []*item
	for _, text := range texts {
		want, err := spec.Parse(text)
		it := s.find(want, items)
		if err != nil || it == nil {
			return nil, nil, &Error{text + " is not held any more", "evaluate systemfd env again"}
		}
		items = append(items, it)
	}
	for i, it := range items {
		fd, err := unix.FcntlInt(uintptr(it.fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			closeAll(fds)
			return nil, nil, err
		}
		fds = append(fds, fd)
		for _, p := range s.addUser(it, client) {
			users = append(users, User{p, i})
		}
	}
	return users, fds, nil
}

// addUser notes that client has a copy of it, and returns who had one before.
func (s *server) addUser(it *item, client int) (before []Process) {
	for _, u := range it.users {
		if u.PID != client && u.alive() {
			before = append(before, Process{u.PID, processName(u.PID)})
		}
	}
	if !slices.ContainsFunc(it.users, func(u *watched) bool { return u.PID == client }) {
		user, err := watch(client, func() { s.dropUser(it, client) })
		if err == nil {
			it.users = append(it.users, user)
		}
	}
	return before
}

func (s *server) dropUser(it *item, pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it.users = slices.DeleteFunc(it.users, func(u *watched) bool {
		if u.PID == pid {
			u.stop()
			return true
		}
		return false
	})
}

func (s *server) state() State {
	state := State{Control: s.path, Folder: s.folder, PID: os.Getpid(), Sockets: []Held{}}
	for _, it := range s.items {
		held := Held{Spec: it.bound.String(), Owners: []Process{}, Users: []Process{}, Since: it.since, Waiting: waiting(it.fd)}
		for _, c := range s.claims {
			if i := slices.Index(c.items, it); i >= 0 && c.owner != nil {
				held.Spec = c.specs[i].String()
				held.Owners = append(held.Owners, Process{c.owner.PID, processName(c.owner.PID)})
			}
		}
		for _, u := range slices.DeleteFunc(slices.Clone(it.users), func(u *watched) bool { return !u.alive() }) {
			held.Users = append(held.Users, Process{u.PID, processName(u.PID)})
		}
		state.Sockets = append(state.Sockets, held)
	}
	return state
}
