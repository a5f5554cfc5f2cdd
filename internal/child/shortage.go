package child

import (
	"fmt"
	"sync"
	"time"
)

// Shortage waits while there are too few descriptors or processes, and warns once.
type Shortage struct {
	Warn func(error)

	mu   sync.Mutex
	last time.Time // the last time that something was lacking
}

const (
	retryAfter = 100 * time.Millisecond // before the next try
	calm       = 10 * time.Second       // time without a shortage after which the next one is reported
)

// Wait returns when it is time for the next try after err, or when ending is closed.
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
