//go:build linux

package main

import (
	"context"
	"sync"
	"time"
)

// glancing is how often the timeline takes a moment; longer runs keep every other when there are mostMoments.
const (
	glancing    = 500 * time.Millisecond
	mostMoments = 1200
)

// timeline is what was seen while the run went on. Its lock guards it.
type timeline struct {
	mu      sync.Mutex
	moments []moment
	every   time.Duration
}

// moment is one look.
type moment struct {
	At time.Duration `json:"at_ns"`
	// Back are the clients that have all their subscriptions.
	Back int `json:"back"`
	// Streams is what happened with streams so far.
	Streams streamTallies `json:"streams"`
	// Resident is the memory of each process by its name, in bytes.
	Resident map[string]int64 `json:"resident"`
}

// run looks until ctx ends.
func (t *timeline) run(ctx context.Context, c *chaos) {
	t.every = glancing
	for rest(ctx, t.every) == nil {
		_, back := c.ledger.absent()
		m := moment{At: c.ledger.elapsed(), Back: back, Streams: c.ledger.streamTotals(), Resident: map[string]int64{}}
		for _, crew := range c.crews {
			if bytes, err := resident(crew.cmd.Process.Pid); err == nil {
				m.Resident[crew.name+" clients"] = bytes
			}
		}
		if bytes, err := resident(c.hubs.current().PID()); err == nil {
			m.Resident["hub"] = bytes
		}
		t.add(m)
	}
}

// add keeps a moment, and makes room where there are too many.
func (t *timeline) add(m moment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.moments = append(t.moments, m)
	if len(t.moments) < mostMoments {
		return
	}
	for i := range len(t.moments) / 2 {
		t.moments[i] = t.moments[2*i]
	}
	t.moments = t.moments[:len(t.moments)/2]
	t.every *= 2
}

// all returns a copy.
func (t *timeline) all() []moment {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]moment(nil), t.moments...)
}
