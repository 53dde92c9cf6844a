//go:build linux

package main

import (
	"slices"
	"sync"
	"time"
)

const (
	// hurry is how many connects a client may make in hurryTime; more is a loop without a pause.
	hurry     = 20
	hurryTime = 5 * time.Second
	// waveTime is how long most of a wave takes.
	waveTime = 3 * time.Second
)

// arrivals are the times at which clients connect. The lock guards them.
type arrivals struct {
	mu     sync.Mutex
	ledger *ledger
	// recent has the last connects of each client, in turn.
	recent [][hurry]time.Time
	counts []int
	// waves has one for each upheaval and kind of client.
	waves []*wave
	// perSecond counts accepts by the second of the run.
	perSecond []int
}

// wave is how the clients of one kind come back after all of them lost their lines at once.
type wave struct {
	what upheaval
	kind string
	at   time.Time
	// awaited are those that have not been seen again.
	awaited map[int]bool
	// delays are the times until the first connect of each.
	delays []time.Duration
	// disturbed is set if the process of the clients did not get to run meanwhile.
	disturbed bool
}

func newArrivals(clients int, l *ledger) *arrivals {
	return &arrivals{ledger: l, recent: make([][hurry]time.Time, clients), counts: make([]int, clients)}
}

// begin starts the waves of these clients.
func (a *arrivals) begin(what upheaval, clients []int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	byKind := map[string]*wave{}
	for _, client := range clients {
		kind := a.ledger.kindOf(client)
		if byKind[kind] == nil {
			byKind[kind] = &wave{what: what, kind: kind, at: time.Now(), awaited: map[int]bool{}}
			a.waves = append(a.waves, byKind[kind])
		}
		byKind[kind].awaited[client] = true
	}
}

// arrived notes a connect that was accepted at this time.
func (a *arrivals) arrived(client int, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	second := int(at.Sub(a.ledger.began).Seconds())
	for len(a.perSecond) <= second {
		a.perSecond = append(a.perSecond, 0)
	}
	a.perSecond[second]++
	slot := &a.recent[client][a.counts[client]%hurry]
	if a.counts[client] >= hurry && at.Sub(*slot) < hurryTime {
		a.ledger.problem(client, "the client connected %d times within %v", hurry, at.Sub(*slot).Round(time.Millisecond))
	}
	*slot = at
	a.counts[client]++
	for _, w := range a.waves {
		if w.awaited[client] && at.After(w.at) {
			delete(w.awaited, client)
			w.delays = append(w.delays, at.Sub(w.at))
		}
	}
}

// late notes that the clients of this kind did not get to run for a while: waves that have just begun tell nothing.
func (a *arrivals) late(kind string, by time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.waves {
		if w.kind == kind && time.Since(w.at) < waveTime+by {
			w.disturbed = true
		}
	}
}

// all returns a copy of the waves.
func (a *arrivals) all() (waves []wave, perSecond []int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.waves {
		waves = append(waves, wave{what: w.what, kind: w.kind, at: w.at, disturbed: w.disturbed, delays: slices.Clone(w.delays)})
	}
	return waves, slices.Clone(a.perSecond)
}
