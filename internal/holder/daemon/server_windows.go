package daemon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/share"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

const (
	emptyTime = 10 * time.Second       // that a holder waits for its first claim
	farewell  = 200 * time.Millisecond // for the last answer
)

// server is a running holder. The ledger says who wants what.
type server struct {
	control   string
	directory string
	door      Door
	share     *share.Server
	done      chan struct{} // closed by end

	mu      sync.Mutex
	ledger  *ledger
	kept    map[int]kept           // by the ledger's numbers of items
	stopped map[spec.Identity]bool // closed by stop, and not claimed since
	watches map[int]*process.Watch // by its numbers of claims
	secrets map[int]string         // by process IDs of owners
	ending  bool
}

// kept is a socket that is kept open.
type kept struct {
	socket int
	since  time.Time
}

func newServer(control, directory string) (s *server, err error) {
	s = &server{
		control: control, directory: directory, door: Door{Secret: share.NewSecret()}, done: make(chan struct{}), ledger: newLedger(),
		kept: map[int]kept{}, stopped: map[spec.Identity]bool{}, watches: map[int]*process.Watch{}, secrets: map[int]string{},
	}
	if s.share, err = share.Listen(wire.MaxText, s.answer); err != nil {
		return nil, err
	}
	s.door.Server = s.share.Address
	return s, s.door.write(control)
}

// live returns when nobody wants anything any more.
func (s *server) live() {
	time.AfterFunc(emptyTime, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.endIfEmpty()
	})
	<-s.done
	time.Sleep(farewell)
}

// answer answers owners' programs, by the protocol that they know, and systemfd.
func (s *server) answer(request []byte) []byte {
	secret, text, isOurs := bytes.Cut(request, []byte("\n"))
	if !isOurs {
		return s.give(request)
	}
	if !share.IsSecret(string(secret), s.door.Secret) {
		return nil
	}
	var r Request
	a, err := Answer{}, json.Unmarshal(text, &r)
	switch {
	case err != nil:
	case r.Protocol != wire.Protocol:
		err = &Error{Text: wire.ForeignVersion(wire.Protocol, r.Protocol)}
	default:
		a, err = s.do(r)
	}
	a.Header = wire.Header{Protocol: wire.Protocol}
	if err != nil {
		a.Header.Error = err.Error()
	}
	said, _ := json.Marshal(a) // only of strings, ints and bytes: cannot fail
	return said
}

func (s *server) do(r Request) (a Answer, err error) {
	openings, err := spec.ParseEach(r.Openings)
	if err != nil {
		return a, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ending:
		err = &Error{Text: "the holder is ending"}
	case r.Op == wire.Claim:
		a, err = s.claim(r, openings)
	case r.Op == wire.Release:
		s.drop(s.ledger.current[party{r.Owner, owner}])
		s.endIfEmpty()
	case r.Op == wire.Fetch:
		a, err = s.fetch(r, openings)
	case r.Op == wire.Stop:
		a = s.stop(openings)
	default:
		s.describeAll(&a.Answer)
	}
	a.PID, a.Directory = os.Getpid(), s.directory
	return a, err
}

// give passes an owner's sockets to a program that knows the owner's secret, which is a user of them from then on.
func (s *server) give(request []byte) []byte {
	said, pid, err := share.ParseRequest(request)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for owns, secret := range s.secrets {
		c := s.ledger.claims[s.ledger.current[party{owns, owner}]]
		if !share.IsSecret(said, secret) || c == nil {
			continue
		}
		if s.use(int(pid), c.items) != nil {
			return nil
		}
		return share.For(pid, s.sockets(c.items))
	}
	return nil
}

func (s *server) sockets(items []int) (all []int) {
	for _, n := range items {
		all = append(all, s.kept[n].socket)
	}
	return all
}

// use notes that a process uses items.
func (s *server) use(pid int, items []int) error {
	as := make([]spec.Opening, len(items))
	for i, n := range items {
		as[i] = s.ledger.items[n].bound
	}
	if number := s.ledger.current[party{pid, user}]; number != 0 {
		s.ledger.extend(number, items, as)
		return nil
	}
	return s.follow(party{pid, user}, items, as)
}

// follow makes a claim that ends with its process.
func (s *server) follow(p party, items []int, as []spec.Opening) error {
	number := 0
	w, err := process.WatchEnd(p.pid, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.drop(number)
		s.endIfEmpty()
	})
	if err != nil {
		return err
	}
	before := s.ledger.current[p]
	number = s.ledger.claim(p, items, as)
	s.watches[number] = w
	s.drop(before)
	return nil
}

// claim says what is lacking, unless the client says where to get that.
func (s *server) claim(r Request, wanted []spec.Opening) (a Answer, err error) {
	items := s.ledger.match(wanted)
	var missing []int
	for i, n := range items {
		bound := ""
		if n == 0 {
			missing = append(missing, i)
		} else {
			bound = s.ledger.items[n].bound.Encode()
		}
		a.Bound = append(a.Bound, bound)
	}
	for _, n := range s.ledger.inOrder() {
		a.Kept = append(a.Kept, s.ledger.items[n].bound.Encode())
	}
	if len(missing) > 0 && len(r.Bound) == 0 {
		return a, nil
	}
	if err = s.store(r, wanted, items, missing); err != nil {
		return a, err
	}
	as := make([]spec.Opening, len(wanted))
	for i, o := range wanted {
		as[i] = s.ledger.items[items[i]].bound
		delete(s.stopped, as[i].Identity())
		a.Bound[i] = as[i].Encode()
		as[i].Name, as[i].Type = o.FDName(), o.Type
	}
	if number := s.ledger.current[party{r.Owner, owner}]; r.Adds && number != 0 {
		s.ledger.extend(number, items, as)
	} else if err = s.follow(party{r.Owner, owner}, items, as); err != nil {
		return a, err
	}
	if s.secrets[r.Owner] == "" {
		s.secrets[r.Owner] = share.NewSecret()
	}
	a.Door = Door{s.door.Server, s.secrets[r.Owner]}
	os.Remove(MarkOf(s.control))
	return a, nil
}

// store takes what is missing from the client, and believes nothing that can be looked at.
func (s *server) store(r Request, wanted []spec.Opening, items, missing []int) error {
	if len(missing) == 0 {
		return nil
	}
	sockets, err := share.Fetch(r.Server, r.Secret)
	if err == nil && (len(sockets) != len(missing) || len(r.Bound) != len(missing)) {
		err = &Error{Text: fmt.Sprintf("%d sockets were stored for %d openings", len(sockets), len(missing))}
	}
	bound := make([]spec.Opening, len(missing))
	for i := 0; i < len(missing) && err == nil; i++ {
		if bound[i], err = spec.ParseOpening(r.Bound[i]); err != nil {
			break
		}
		if is := socket.Describe(sockets[i]); !is.Is(bound[i].Spec) || !bound[i].MayBe(wanted[missing[i]].Spec) {
			err = &Error{Text: fmt.Sprintf("%s was wanted, and %s stored", wanted[missing[i]].Display(), is.Text)}
		}
	}
	if err != nil {
		share.Close(sockets)
		return err
	}
	for i, at := range missing {
		bound[i].Name = ""
		items[at] = s.ledger.add(wanted[at], bound[i])
		s.kept[items[at]] = kept{sockets[i], time.Now()}
	}
	return nil
}

// fetch gives the client what it asks for, and says who else has that.
func (s *server) fetch(r Request, openings []spec.Opening) (a Answer, err error) {
	found := s.describeWanted(&a.Answer, openings, r.Client)
	if len(found) == 0 {
		return a, nil
	}
	if err = s.use(r.Client, found); err == nil && r.Pass {
		a.Infos = share.For(uint32(r.Client), s.sockets(found))
	}
	return a, err
}
