package fanout

import (
	"slices"
	"sync"
)

// keptClosedSlow is how many spokes are remembered that were closed because they did not keep up.
const keptClosedSlow = 64

// SlowSpoke is a spoke that was closed with 1013, and why.
type SlowSpoke struct {
	// ID is the spoke's.
	ID uint64
	// Address is its peer's.
	Address string
	// User is its Identity.User.
	User string
	// Why is how it was doing. It must not be changed.
	Why *Slowness
}

// slowRing has the spokes that were closed last because they did not keep up. mu guards both.
type slowRing struct {
	mu    sync.Mutex
	last  []SlowSpoke
	count int
}

func (r *slowRing) add(x SlowSpoke) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.last) < keptClosedSlow {
		r.last = append(r.last, x)
	} else {
		r.last[r.count%keptClosedSlow] = x
	}
	r.count++
}

// ClosedSlow are the spokes that were closed last because they did not keep up, the last one first: 64 at most. Any goroutine may call it.
func (h *Hub) ClosedSlow() []SlowSpoke {
	r := &h.slow
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.count % max(len(r.last), 1)
	all := append(slices.Clone(r.last[at:]), r.last[:at]...)
	slices.Reverse(all)
	return all
}
