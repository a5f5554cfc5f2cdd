package child

import (
	"fmt"
	"sync"
	"time"
)

// Shortage waits while there are too few descriptors or processes, and tells of it once.
type Shortage struct {
	Warn func(error)

	mu   sync.Mutex
	last time.Time // when something was lacking
}

const (
	retryAfter = 100 * time.Millisecond // before what failed is tried again
	calm       = 10 * time.Second       // without a shortage, so that the next one is told
)

// Wait returns when it is time to try again what failed with err, or when ending is closed.
func (s *Shortage) Wait(err error, ending <-chan struct{}) {
	s.mu.Lock()
	if time.Since(s.last) > calm {
		s.Warn(fmt.Errorf("%w; trying again until it works", err))
	}
	s.last = time.Now()
	s.mu.Unlock()
	select {
	case <-ending:
	case <-time.After(retryAfter):
	}
}
