//go:build unix

package daemon

import (
	"github.com/systemfd/systemfd/internal/holder/wire"
	"github.com/systemfd/systemfd/internal/socket"
	"github.com/systemfd/systemfd/internal/spec"
)

// socket returns item n. The caller has mu.
func (s *server) socket(n int) socket.Socket {
	return socket.Known(s.kept[n].fd, s.ledger.items[n].bound, s.kept[n].file)
}

// damageOf says what keeps clients from item n. The caller has mu.
func (s *server) damageOf(n int) string {
	if damage := s.kept[n].damage; damage != "" {
		return damage
	}
	return s.socket(n).Damage()
}

// mend repairs what it can without another socket. It binds a port again. It removes the path of a socket that was shut down, so that
// the client can bind there. The caller has mu.
func (s *server) mend(n int, d *wire.Socket) {
	k := s.socket(n)
	switch {
	case d.Damage == "":
	case k.Type.Family() == spec.Inet:
		_, err := k.Repair()
		d.IsMended = err == nil
	default:
		k.Unlink()
	}
}

// damaged returns what is kept of the openings of a claim and is damaged, nil if nothing is. The caller has mu.
func (s *server) damaged(items []int, names map[int]string) (found []*wire.Socket) {
	var holdings map[int]*holding
	for i, n := range items {
		if n == 0 || s.damageOf(n) == "" {
			continue
		}
		if found == nil {
			found, holdings = make([]*wire.Socket, len(items)), s.ledger.holdings()
		}
		found[i] = s.describe(n, holdings[n], names)
		s.mend(n, found[i])
		s.releaseName(n)
	}
	return found
}

// releaseName lets the client bind the name of a damaged abstract socket, which nobody reaches any more. The caller has mu.
func (s *server) releaseName(n int) {
	damage, k := s.damageOf(n), s.socket(n)
	if k.IsAbstract() && damage != "" && socket.ReleaseName(k) == nil {
		s.kept[n].damage = damage
	}
}

// mayReplace reports whether item n is damaged, and bound is the same address. The caller has mu.
func (s *server) mayReplace(n int, bound spec.Opening) bool {
	return s.ledger.items[n].bound.SameSocket(bound.Spec) && s.damageOf(n) != ""
}

// replace puts a stored socket in the place of a damaged one, for all claims that have it. The caller has mu.
func (s *server) replace(n int, k *kept) {
	socket.CloseAll([]int{s.kept[n].fd})
	s.kept[n] = k
}
